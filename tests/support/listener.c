/* listener.c - see listener.h. */
#include "tests/support/listener.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/check.h"

#define EXPECTED_WITHIN_MS 60000

static struct sockaddr_un address(const struct listener *listener)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", listener->dir, HK_HELLO_SOCKET);
    return addr;
}

void listener_reopen(struct listener *listener)
{
    struct sockaddr_un addr = address(listener);
    listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(listener->fd >= 0, "socket: %s", strerror(errno));
    CHECK(bind(listener->fd, (const struct sockaddr *)&addr, sizeof addr) == 0, "%s: %s", addr.sun_path,
          strerror(errno));
    CHECK(listen(listener->fd, 64) == 0, "%s: %s", addr.sun_path, strerror(errno));
}

void listener_open(struct listener *listener)
{
    snprintf(listener->dir, sizeof listener->dir, "/tmp/hakmem-test-XXXXXX");
    CHECK(mkdtemp(listener->dir) != NULL, "%s: %s", listener->dir, strerror(errno));
    listener_reopen(listener);
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    struct sockaddr_un addr = address(listener);
    unlink(addr.sun_path);
    close(listener->fd);
    listener->fd = -1;
}

void listener_remove(struct listener *listener)
{
    listener_close(listener);
    rmdir(listener->dir);
}

/* ---- a hello ---- */

static void receive(int fd, struct greeting *g)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &g->hello, .iov_len = sizeof g->hello};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    CHECK(n == (ssize_t)sizeof g->hello && (msg.msg_flags & MSG_TRUNC) == 0, "a hello of %zd bytes", n);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    CHECK(c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
              c->cmsg_len == CMSG_LEN(2 * sizeof(int)),
          "a hello without its two descriptors");
    int fds[2];
    memcpy(fds, CMSG_DATA(c), sizeof fds);
    g->counters_fd = fds[0];
    g->tuning_fd = fds[1];
}

static void open_segment(struct greeting *g)
{
    static unsigned char head[HK_READER_HEADER_MAX];
    struct stat st;
    const char *why = "";
    CHECK(fstat(g->counters_fd, &st) == 0, "fstat: %s", strerror(errno));
    g->segment_bytes = (uint64_t)st.st_size;
    ssize_t n = pread(g->counters_fd, head, sizeof head, 0);
    CHECK(n > 0, "pread: %s", strerror(errno));
    CHECK(hk_reader_open(&g->reader, head, (size_t)n, g->segment_bytes, &why) == 0, "%s", why);
    void *page = mmap(NULL, HK_TUNING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g->tuning_fd, 0);
    CHECK(page != MAP_FAILED, "the tuning page: %s", strerror(errno));
    g->page = page;
}

/* The next connection on which something was said; -1: none within timeout_ms. */
static int next_that_speaks(const struct listener *listener, int timeout_ms)
{
    struct pollfd ready = {.fd = listener->fd, .events = POLLIN};
    char byte;
    while (poll(&ready, 1, timeout_ms) > 0) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        CHECK(fd >= 0, "accept: %s", strerror(errno));
        if (recv(fd, &byte, 1, MSG_PEEK) != 0)
            return fd;
        close(fd);
    }
    return -1;
}

bool listener_accept(const struct listener *listener, int timeout_ms, struct greeting *out)
{
    memset(out, 0, sizeof *out);
    int fd = next_that_speaks(listener, timeout_ms);
    if (fd < 0)
        return false;
    socklen_t len = sizeof out->peer;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &out->peer, &len) == 0, "SO_PEERCRED");
    receive(fd, out);
    close(fd);
    CHECK(out->hello.magic == HK_HELLO_MAGIC && out->hello.abi_major == HK_ABI_MAJOR &&
              out->hello.bytes == sizeof out->hello,
          "not a hello of this ABI");
    open_segment(out);
    return true;
}

void listener_expect(const struct listener *listener, struct greeting *out)
{
    CHECK(listener_accept(listener, EXPECTED_WITHIN_MS, out), "no hello came");
}

void greeting_drop(struct greeting *greeting)
{
    if (greeting->page == NULL)
        return;
    munmap(greeting->page, HK_TUNING_BYTES);
    close(greeting->counters_fd);
    close(greeting->tuning_fd);
    greeting->page = NULL;
}

/* ---- reading ---- */

static unsigned cells_used(const struct greeting *g)
{
    uint32_t used = 0;
    CHECK(pread(g->counters_fd, &used, sizeof used, offsetof(struct hk_header, cells_used)) ==
              (ssize_t)sizeof used,
          "cells_used");
    CHECK(used <= g->reader.header.cell_count, "cells_used is %u of %u", used, g->reader.header.cell_count);
    return used;
}

static uint64_t directory_word(const struct greeting *g, unsigned cell)
{
    uint64_t word = 0;
    CHECK(pread(g->counters_fd, &word, sizeof word, (off_t)(g->reader.header.dir_off + 8ull * cell)) ==
              (ssize_t)sizeof word,
          "directory word %u", cell);
    return word;
}

static const void *read_cell(const struct greeting *g, unsigned cell)
{
    static _Alignas(8) unsigned char bytes[HK_CELL_BYTES];
    CHECK(g->reader.header.cell_bytes == sizeof bytes, "cells of %u bytes", g->reader.header.cell_bytes);
    CHECK(pread(g->counters_fd, bytes, sizeof bytes, (off_t)hk_reader_cell_offset(&g->reader, cell)) ==
              (ssize_t)sizeof bytes,
          "cell %u", cell);
    return bytes;
}

bool greeting_area(const struct greeting *greeting, pid_t pid, struct hk_area_view *out, unsigned *cell)
{
    unsigned used = cells_used(greeting);
    for (unsigned i = 0; i < used; i++) {
        uint64_t word = directory_word(greeting, i);
        if (HK_DIR_KIND(word) != HK_CELL_AREA || HK_DIR_PID(word) != (uint32_t)pid)
            continue;
        hk_reader_area(&greeting->reader, read_cell(greeting, i), out);
        CHECK(out->pid == (uint32_t)pid, "the area of %d says that it is %u's", (int)pid, out->pid);
        if (cell != NULL)
            *cell = i;
        return true;
    }
    return false;
}

unsigned greeting_areas(const struct greeting *greeting)
{
    unsigned areas = 0, used = cells_used(greeting);
    for (unsigned i = 0; i < used; i++)
        areas += HK_DIR_KIND(directory_word(greeting, i)) == HK_CELL_AREA;
    return areas;
}

void greeting_totals(const struct greeting *greeting, pid_t pid, struct hk_totals *out)
{
    struct hk_area_view area;
    struct hk_slot_view slot;
    unsigned area_cell = 0, used = cells_used(greeting);
    CHECK(greeting_area(greeting, pid, &area, &area_cell), "%d has no area", (int)pid);
    hk_totals_start(out, &greeting->reader, &area);
    for (unsigned i = 0; i < used; i++) {
        uint64_t word = directory_word(greeting, i);
        if (HK_DIR_KIND(word) != HK_CELL_SLOT || HK_DIR_PID(word) != (uint32_t)pid ||
            HK_DIR_AREA(word) != area_cell)
            continue;
        hk_reader_slot(&greeting->reader, read_cell(greeting, i), &slot);
        CHECK(slot.area == area_cell, "slot %u says that it is of area %u, not %u", i, slot.area, area_cell);
        hk_totals_add_slot(out, &slot);
    }
    hk_totals_finish(out);
}

uint64_t greeting_counter(const struct greeting *greeting, pid_t pid, unsigned counter)
{
    struct hk_area_view area;
    CHECK(greeting_area(greeting, pid, &area, NULL), "%d has no area", (int)pid);
    return area.process[counter];
}

struct hk_applied_view greeting_applied(const struct greeting *greeting, pid_t pid, unsigned index)
{
    struct hk_area_view area;
    CHECK(greeting_area(greeting, pid, &area, NULL), "%d has no area", (int)pid);
    return area.applied[index];
}

unsigned greeting_class(const struct greeting *greeting, size_t size)
{
    for (unsigned c = 0; c < greeting->reader.class_count; c++) {
        if (greeting->reader.classes[c] >= size)
            return c;
    }
    CHECK(false, "no size class serves %zu bytes", size);
    return 0;
}

/* ---- steering ---- */

void greeting_set(struct greeting *greeting, unsigned index, uint64_t value, uint32_t life_s)
{
    greeting->tuning.values[index] = (struct hk_tuning_value){
        .value = value, .life_s = life_s, .source = HK_SOURCE_OPERATOR, .set = true};
}

void greeting_unset(struct greeting *greeting, unsigned index)
{
    greeting->tuning.values[index] = (struct hk_tuning_value){.set = false};
}

void greeting_beat(struct greeting *greeting, uint32_t expiry_ms, bool may_hello)
{
    atomic_store_explicit(&greeting->page->expiry_ms, expiry_ms, memory_order_relaxed);
    atomic_store_explicit(&greeting->page->flags, may_hello ? HK_TUNING_MAY_HELLO : 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&greeting->page->heartbeat, 1, memory_order_relaxed);
}

uint64_t greeting_publish(struct greeting *greeting)
{
    greeting->tuning.generation++;
    atomic_fetch_add_explicit(&greeting->page->heartbeat, 1, memory_order_relaxed);
    hk_tuning_page_publish(greeting->page, &greeting->tuning);
    return greeting->tuning.generation;
}

static uint64_t command(struct greeting *greeting, hk_au64 *word)
{
    uint64_t number = atomic_fetch_add_explicit(word, 1, memory_order_relaxed) + 1;
    atomic_fetch_add_explicit(&greeting->page->epoch, 1, memory_order_release);
    return number;
}

uint64_t greeting_command_trim(struct greeting *greeting)
{
    return command(greeting, &greeting->page->trim_command);
}

uint64_t greeting_command_flush(struct greeting *greeting)
{
    return command(greeting, &greeting->page->flush_command);
}
