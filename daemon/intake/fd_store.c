/* fd_store.c - see fd_store.h. */
#include "daemon/intake/fd_store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/systemd.h"

#define NAME_BYTES 8

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._";

#define BASE (sizeof digits - 1)

/* ---- names ---- */

static void name_of(unsigned number, char name[NAME_BYTES])
{
    char reversed[NAME_BYTES];
    unsigned n = 0, at = 0;
    for (unsigned rest = number - 1; n == 0 || rest > 0; rest /= BASE)
        reversed[n++] = digits[rest % BASE];
    while (n > 0)
        name[at++] = reversed[--n];
    name[at] = '\0';
}

unsigned hk_store_number(const char *name)
{
    char again[NAME_BYTES];
    unsigned rest = 0;
    size_t len = strlen(name);
    if (len == 0 || len > 3 || strspn(name, digits) != len)
        return 0;
    for (const char *p = name; *p; p++)
        rest = rest * BASE + (unsigned)(strchr(digits, *p) - digits);
    if (rest >= HK_STORE_ROWS)
        return 0;
    name_of(rest + 1, again);
    return strcmp(again, name) == 0 ? rest + 1 : 0;
}

/* ---- rows ---- */

static bool is_used(const struct hk_store *store, unsigned row)
{
    return store->used[row / 8] >> row % 8 & 1;
}

static void mark(struct hk_store *store, unsigned row, bool used)
{
    uint8_t bit = (uint8_t)(1u << row % 8);
    store->used[row / 8] = (uint8_t)(used ? store->used[row / 8] | bit : store->used[row / 8] & ~bit);
    if (!used && row < store->first_free)
        store->first_free = row;
}

static bool write_row(const struct hk_store *store, unsigned row, const struct hk_stored *content)
{
    return pwrite(store->fd, content, sizeof *content, (off_t)(row * sizeof *content)) ==
           (ssize_t)sizeof *content;
}

/* ---- the table ---- */

void hk_store_init(struct hk_store *store)
{
    *store = (struct hk_store){.fd = -1};
}

bool hk_store_resume(struct hk_store *store, int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (store->fd >= 0 || fcntl(fd, F_GET_SEALS) < 0 || (flags & O_ACCMODE) != O_RDWR ||
        fstat(fd, &st) != 0 || st.st_size != (off_t)(HK_STORE_ROWS * sizeof(struct hk_stored)))
        return false;
    store->fd = fd;
    return true;
}

/* Made with the first family, so that a daemon without any keeps nothing. */
static bool has_table(struct hk_store *store)
{
    if (store->fd >= 0 || store->refused)
        return store->fd >= 0;
    int fd = memfd_create("hakmem-store", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = fd >= 0 && ftruncate(fd, HK_STORE_ROWS * sizeof(struct hk_stored)) == 0 &&
                hk_systemd_store(HK_STORE_TABLE, &fd, 1);
    store->refused = !good;
    if (!good && fd >= 0)
        close(fd);
    else if (good)
        store->fd = fd;
    return good;
}

bool hk_store_claim(struct hk_store *store, unsigned number, struct hk_stored *out)
{
    unsigned row = number - 1;
    if (store->fd < 0 || number == 0 || is_used(store, row) ||
        pread(store->fd, out, sizeof *out, (off_t)(row * sizeof *out)) != (ssize_t)sizeof *out ||
        out->pid <= 0)
        return false;
    mark(store, row, true);
    return true;
}

unsigned hk_store_keep(struct hk_store *store, const struct hk_stored *content, const int *fds,
                       unsigned count)
{
    char name[NAME_BYTES];
    unsigned row = store->first_free;
    if (!has_table(store))
        return 0;
    while (row < HK_STORE_ROWS && is_used(store, row))
        row++;
    store->first_free = row;
    if (row == HK_STORE_ROWS)
        return 0;
    /* The row first: a descriptor that is kept has one, whenever this daemon ends. */
    name_of(row + 1, name);
    if (!write_row(store, row, content) || !hk_systemd_store(name, fds, count))
        return 0;
    mark(store, row, true);
    return row + 1;
}

void hk_store_forget(unsigned number)
{
    char name[NAME_BYTES];
    name_of(number, name);
    hk_systemd_unstore(name);
}

void hk_store_drop(struct hk_store *store, unsigned number)
{
    static const struct hk_stored none;
    if (number == 0)
        return;
    hk_store_forget(number);
    mark(store, number - 1, false);
    if (!write_row(store, number - 1, &none))
        hk_log(HK_LOG_WARN, "the table of stored segments cannot be written");
}

void hk_store_close(struct hk_store *store)
{
    if (store->fd >= 0)
        close(store->fd);
    store->fd = -1;
}
