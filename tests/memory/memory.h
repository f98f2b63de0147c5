/*
 * memory.h - a puppet under watch: how many of its resident bytes the allocator may account for.
 *
 * The bound is what is live, what the process says it may retain (retain_budget_bytes) and a constant of
 * 8 MiB for everything else: bins, partly used slabs, tables.
 */
#ifndef HAKMEM_TESTS_MEMORY_MEMORY_H
#define HAKMEM_TESTS_MEMORY_MEMORY_H

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_check.h"
#include "tests/support/listener.h"
#include "tests/support/puppet.h"

#define SLACK (8 * HK_MIB)

struct stage {
    struct listener listener;
    struct puppet puppet;
    struct greeting greeting;
    size_t rss_before; /* of the puppet before it was told anything */
};

static inline struct stage begin(const char *tune)
{
    struct stage s;
    char setting[256];
    const char *settings[] = {setting, NULL};
    memset(&s, 0, sizeof s);
    snprintf(setting, sizeof setting, "HAKMEM_TUNE=%s", tune != NULL ? tune : "");
    listener_open(&s.listener);
    puppet_start(&s.puppet, s.listener.dir, settings);
    listener_expect(&s.listener, &s.greeting);
    s.rss_before = check_rss_bytes(s.puppet.pid);
    return s;
}

static inline void finish(struct stage *s)
{
    puppet_end(&s->puppet);
    greeting_drop(&s->greeting);
    listener_remove(&s->listener);
}

/* Resident bytes beyond those of the beginning. */
static inline size_t grown(const struct stage *s)
{
    size_t now = check_rss_bytes(s->puppet.pid);
    return now > s->rss_before ? now - s->rss_before : 0;
}

/* As published by a slow path just now. */
static inline uint64_t budget(struct stage *s)
{
    puppet_say(&s->puppet, "churn 32768 200 2");
    return greeting_counter(&s->greeting, s->puppet.pid, HK_PROCESS_AT(retain_budget_bytes));
}

/* What is resident is at most live bytes, the budget and slack. The puppet is asked for its budget only after
 * its resident bytes have been read. */
static inline void check_resident(struct stage *s, const char *when, uint64_t live, uint64_t slack)
{
    size_t resident = grown(s);
    uint64_t kept = budget(s), allowed = live + kept + slack;
    CHECK(resident <= allowed,
          "%s: %zu KiB are resident; %llu live, %llu budget and %llu KiB slack allow %llu", when,
          resident >> 10, (unsigned long long)live >> 10, (unsigned long long)kept >> 10,
          (unsigned long long)slack >> 10, (unsigned long long)allowed >> 10);
}

#endif
