/* segment_files.c - see segment_files.h. */
#include "daemon/sources/segment_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define HUGETLBFS_KIND 0x958458f6

#define COUNTERS_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)
#define TUNING_SEALS   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* What is wrong with a descriptor as a sealed memfd, NULL if nothing. */
static const char *check_memfd(int fd, int wanted, int unwanted, struct stat *st)
{
    struct statfs fs;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, st) != 0 || !S_ISREG(st->st_mode) || fstatfs(fd, &fs) != 0)
        return "a descriptor is not a memfd";
    if (fs.f_type == HUGETLBFS_KIND)
        return "a descriptor is a memfd of huge pages";
    if ((seals & wanted) != wanted)
        return "a memfd lacks a seal";
    if (seals & unwanted)
        return "a memfd is sealed against the daemon";
    return NULL;
}

static const char *open_counters(struct hk_segment *segment)
{
    static unsigned char buf[HK_READER_HEADER_MAX]; /* of the loop's thread alone */
    struct stat st;
    const char *why = check_memfd(segment->counters_fd, COUNTERS_SEALS, 0, &st);
    if (why)
        return why;
    if (st.st_size < (off_t)sizeof(struct hk_header) || (uint64_t)st.st_size > HK_SEGMENT_BYTES_MAX)
        return "the counters memfd is too small or too large";
    ssize_t n = pread(segment->counters_fd, buf, sizeof buf, 0);
    if (n <= 0)
        return "the counters memfd cannot be read";
    if (hk_reader_open(&segment->reader, buf, (size_t)n, (uint64_t)st.st_size, &why) != 0)
        return why;
    if (segment->reader.header.cell_bytes > HK_CELL_BYTES_MAX)
        return "the segment's cells are too large";
    segment->device = st.st_dev;
    segment->inode = st.st_ino;
    return NULL;
}

static const char *open_tuning(struct hk_segment *segment)
{
    struct stat st;
    const char *why = check_memfd(segment->tuning_fd, TUNING_SEALS, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE, &st);
    if (why)
        return why;
    if (st.st_size < (off_t)HK_TUNING_BYTES || (uint64_t)st.st_size > HK_TUNING_BYTES_MAX)
        return "the tuning memfd is too small or too large";
    struct hk_tuning_page *page = mmap(NULL, HK_TUNING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                                       segment->tuning_fd, 0);
    if (page == MAP_FAILED)
        return "the tuning memfd cannot be mapped";
    /* The dead table is mostly a hole, and a core dump would fill it. Where that is refused, it does. */
    size_t in_page = HK_TUNING_DEAD_OFF % (size_t)sysconf(_SC_PAGESIZE);
    if (in_page == 0)
        (void)madvise((char *)page + HK_TUNING_DEAD_OFF, HK_TUNING_BYTES - HK_TUNING_DEAD_OFF, MADV_DONTDUMP);
    segment->page = page;
    segment->dead = (hk_au16 *)(void *)((char *)page + HK_TUNING_DEAD_OFF);
    if (page->magic != HK_TUNING_MAGIC)
        return "not a tuning page (magic)";
    if (page->abi_major != HK_ABI_MAJOR)
        return "tuning page of another ABI version";
    return NULL;
}

int hk_segment_open(struct hk_segment *segment, int counters_fd, int tuning_fd, const char **why)
{
    memset(segment, 0, sizeof *segment);
    segment->counters_fd = counters_fd;
    segment->tuning_fd = tuning_fd;
    *why = open_counters(segment);
    if (!*why)
        *why = open_tuning(segment);
    if (!*why)
        return 0;
    hk_segment_close(segment);
    return EINVAL;
}

void hk_segment_close(struct hk_segment *segment)
{
    if (segment->page)
        munmap(segment->page, HK_TUNING_BYTES);
    if (segment->counters_fd >= 0)
        close(segment->counters_fd);
    if (segment->tuning_fd >= 0)
        close(segment->tuning_fd);
    segment->page = NULL;
    segment->counters_fd = segment->tuning_fd = -1;
}

/* False, and buf zeroed, if fewer bytes can be read. */
static bool copy_out(const struct hk_segment *segment, void *buf, size_t size, uint64_t offset)
{
    if (pread(segment->counters_fd, buf, size, (off_t)offset) == (ssize_t)size)
        return true;
    memset(buf, 0, size);
    return false;
}

unsigned hk_segment_directory(const struct hk_segment *segment, uint64_t *words)
{
    const struct hk_header *h = &segment->reader.header;
    uint32_t used = 0;
    copy_out(segment, &used, sizeof used, offsetof(struct hk_header, cells_used));
    if (used > h->cell_count)
        used = h->cell_count;
    if (used > 0 && !copy_out(segment, words, used * sizeof *words, h->dir_off))
        return 0;
    return used;
}

uint64_t hk_segment_stamp(const struct hk_segment *segment, unsigned cell)
{
    uint64_t stamp;
    copy_out(segment, &stamp, sizeof stamp, hk_reader_cell_offset(&segment->reader, cell));
    return stamp;
}

static unsigned char cell_copy[HK_CELL_BYTES_MAX] HK_ALIGNED(8); /* of the loop's thread alone */

static bool copy_cell(const struct hk_segment *segment, unsigned cell)
{
    return copy_out(segment, cell_copy, segment->reader.header.cell_bytes,
                    hk_reader_cell_offset(&segment->reader, cell));
}

bool hk_segment_area(const struct hk_segment *segment, unsigned cell, struct hk_area_view *out)
{
    bool ok = copy_cell(segment, cell);
    hk_reader_area(&segment->reader, cell_copy, out);
    return ok;
}

bool hk_segment_slot(const struct hk_segment *segment, unsigned cell, struct hk_slot_view *out)
{
    bool ok = copy_cell(segment, cell);
    hk_reader_slot(&segment->reader, cell_copy, out);
    return ok;
}
