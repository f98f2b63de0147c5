/*
 * canary.c - see canary.h.
 *
 * A canary differs from block to block: who reads one does not know another. No byte of it is zero, so that
 * the zero which ends a string that is a byte too long is seen.
 */
#include "lib/harden/canary.h"

#include <string.h>

#include "lib/base/start_data.h"
#include "lib/os/random.h"

#define FREED UINT64_C(0xdfdfdfdfdfdfdfdf)

static uint64_t secret HK_EARLY;

void hk_canary_init(void)
{
    secret = hk_chance_secret();
}

static uint64_t word_for(const char *at)
{
    uint64_t word = ((uintptr_t)at ^ secret) * UINT64_C(0x9e3779b97f4a7c15);
    return (word ^ word >> 32) | UINT64_C(0x0101010101010101);
}

static size_t length(const char *at, const char *end)
{
    size_t n = (size_t)(end - at);
    return n < HK_CANARY_MOST ? n : HK_CANARY_MOST;
}

void hk_canary_write(char *at, const char *end)
{
    uint64_t word = word_for(at);
    size_t n = length(at, end);
    for (; n >= sizeof word; at += sizeof word, n -= sizeof word)
        memcpy(at, &word, sizeof word);
    memcpy(at, &word, n);
}

const char *hk_canary_broken(const char *at, const char *end)
{
    uint64_t word = word_for(at);
    size_t n = length(at, end);
    for (; n >= sizeof word && memcmp(at, &word, sizeof word) == 0; at += sizeof word)
        n -= sizeof word;
    for (size_t i = 0; i < n && i < sizeof word; i++) {
        if (at[i] != ((const char *)&word)[i])
            return at + i;
    }
    return NULL;
}

void hk_freed_fill(char *at, size_t bytes)
{
    memset(at, (int)(FREED & 0xff), bytes);
}

const char *hk_freed_touched(const char *at, size_t bytes)
{
    const uint64_t *words = (const uint64_t *)(const void *)at;
    size_t n = bytes / sizeof *words, i = 0;
    while (i < n && words[i] == FREED)
        i++;
    if (i == n)
        return NULL;
    const char *touched = (const char *)&words[i];
    while (*touched == (char)(FREED & 0xff))
        touched++;
    return touched;
}
