/*
 * zero_fill.c - see zero_fill.h.
 *
 * Writing zeros touches every page, though programs that ask for large zeroed blocks often use few of them: a
 * process would have them all, and the former user's may not even have been there. So a stretch that seems to
 * have been used little is given back, and the system gives zeros to whoever touches a page of it; one that
 * was used is written over, since each page that comes anew costs several times what clearing it does.
 *
 * To ask the system which pages are there is a call that filters may kill a program for. Looking at a few
 * words tells enough: pages that nobody wrote to read as zero. A wrong guess costs time, and is put right by
 * the next: what was written over and not used reads as zero too.
 */
#include "lib/arena/zero_fill.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/tuned_values.h"
#include "lib/os/os.h"

/* A system call and a few faults cost more than clearing less than this. */
#define GIVE_BACK_FROM (64 * HK_KIB)

/* Decided about in one piece: a block may be used in part. */
#define STRETCH (2 * HK_MIB)

/* Whether there is anything in some words of a page. */
static bool is_used(const char *page)
{
    const uint64_t *words = (const uint64_t *)(const void *)page;
    uint64_t seen = 0;
    for (size_t i = 0; i < hk_page_bytes / sizeof *words; i += hk_page_bytes / sizeof *words / 8)
        seen |= words[i] | words[i + 1];
    return seen != 0;
}

/* By two pages of the middle: ends are what is always used. */
static bool seems_used(const char *p, size_t bytes)
{
    size_t third = bytes / 3 & ~(hk_page_bytes - 1);
    return is_used(p + third) && is_used(p + 2 * third);
}

static void clear_stretch(char *p, size_t bytes)
{
    if (bytes < GIVE_BACK_FROM || seems_used(p, bytes) || hk_os_drop((uintptr_t)p, bytes) != 0)
        memset(p, 0, bytes);
}

void hk_clear(void *p, size_t bytes)
{
    size_t whole = bytes & ~(hk_page_bytes - 1), at = 0;
    /* Huge pages are not to be broken up. */
    if (hk_param(HK_TUNE_thp) == HK_THP_MADVISE)
        whole = 0;
    for (size_t n; at < whole; at += n) {
        n = whole - at < STRETCH ? whole - at : STRETCH;
        clear_stretch((char *)p + at, n);
    }
    memset((char *)p + at, 0, bytes - at);
}
