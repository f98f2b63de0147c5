/*
 * many_threads.c - ten thousand threads come and go, some of them cancelled in the middle of their work.
 *
 * usage: many_threads [THREADS]
 *
 * What they leave serves those that come after them: the process has no more heaps than it had threads at
 * once, and no more memory.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define AT_ONCE 50
#define BLOCKS  20

/* Of a thread that may be cancelled: freed by its cleanup handler. */
struct held {
    void *blocks[BLOCKS];
    _Atomic(bool) allocated;
};

static struct held held[AT_ONCE];

static void release(void *arg)
{
    struct held *h = arg;
    for (unsigned i = 0; i < BLOCKS; i++)
        free(h->blocks[i]);
}

/* In the allocator, or between two calls. */
static _Noreturn void until_cancelled(void)
{
    for (;;) {
        free(malloc(100));
        free(malloc(60000));
        pthread_testcancel();
    }
}

static void *work(void *arg)
{
    struct held *h = arg;
    unsigned n = (unsigned)(h - held);
    pthread_cleanup_push(release, h);
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = 16 + (i * 97 + n) % 3000 + (i == 7 ? 50000 : 0);
        h->blocks[i] = malloc(size);
        CHECK(h->blocks[i] != NULL, "no memory");
        pattern_fill(h->blocks[i], size, n * BLOCKS + i);
    }
    atomic_store(&h->allocated, true);
    if (n % 3 == 0)
        until_cancelled();
    pthread_cleanup_pop(1);
    return h;
}

static void a_batch(const pthread_attr_t *attr)
{
    pthread_t threads[AT_ONCE];
    for (unsigned i = 0; i < AT_ONCE; i++) {
        atomic_store(&held[i].allocated, false);
        CHECK(pthread_create(&threads[i], attr, work, &held[i]) == 0, "no thread");
    }
    for (unsigned i = 0; i < AT_ONCE; i += 3) {
        CHECK(POLL_UNTIL(atomic_load(&held[i].allocated)), "thread %u does not run", i);
        CHECK(pthread_cancel(threads[i]) == 0, "pthread_cancel");
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        CHECK(result == (i % 3 == 0 ? PTHREAD_CANCELED : &held[i]), "thread %u ended otherwise", i);
    }
}

static struct hakmem_snapshot snapshot(void)
{
    struct hakmem_snapshot s = {0};
    CHECK(hakmem_snapshot(&s, sizeof s) == 0, "hakmem_snapshot");
    return s;
}

int main(int argc, char **argv)
{
    unsigned wanted = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 << 10);
    for (unsigned i = 0; i < 10; i++)
        a_batch(&attr);
    struct hakmem_snapshot before = snapshot();
    size_t rss = check_rss_bytes(0);
    for (unsigned n = 10 * AT_ONCE; n < wanted; n += AT_ONCE)
        a_batch(&attr);
    struct hakmem_snapshot after = snapshot();
    CHECK(after.live_blocks <= before.live_blocks + AT_ONCE, "%llu blocks were live, then %llu",
          (unsigned long long)before.live_blocks, (unsigned long long)after.live_blocks);
    CHECK(after.mapped_bytes <= before.mapped_bytes + 8 * HK_MIB, "%llu bytes were mapped, then %llu",
          (unsigned long long)before.mapped_bytes, (unsigned long long)after.mapped_bytes);
    CHECK(check_rss_bytes(0) <= rss + 8 * HK_MIB, "%zu bytes were resident, then %zu", rss,
          check_rss_bytes(0));
    return 0;
}
