/*
 * thread_end.c - allocation at a thread's last moments: in destructors of thread-local data, round after
 * round, and in those that C++ and the C library run after them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define THREADS 200
#define ROUNDS  4 /* PTHREAD_DESTRUCTOR_ITERATIONS */

static pthread_key_t keys[8];
static _Atomic(unsigned) calls;

struct local {
    unsigned key, round;
    void *blocks[4];
};

static void fill(struct local *l)
{
    static const size_t sizes[] = {10, 1000, 30000, 200000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        l->blocks[i] = malloc(sizes[i]);
        CHECK(l->blocks[i] != NULL, "no memory");
        memset(l->blocks[i], (int)l->key, sizes[i]);
    }
}

/* Frees what the round before made, makes anew, and asks for another round. */
static void destroy(void *arg)
{
    struct local *l = arg;
    atomic_fetch_add(&calls, 1);
    for (unsigned i = 0; i < HK_COUNT_OF(l->blocks); i++) {
        CHECK(*(unsigned char *)l->blocks[i] == (unsigned char)l->key, "a block changed hands");
        free(l->blocks[i]);
    }
    if (++l->round < ROUNDS) {
        fill(l);
        pthread_setspecific(keys[l->key], l);
        return;
    }
    free(l);
}

static void *run(void *arg)
{
    for (unsigned k = 0; k < HK_COUNT_OF(keys); k++) {
        struct local *l = calloc(1, sizeof *l);
        CHECK(l != NULL, "no memory");
        l->key = k;
        fill(l);
        pthread_setspecific(keys[k], l);
    }
    return arg;
}

/* glibc's list of thread_local destructors, which C++ uses: it runs before the keys'. */
extern int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

static void free_late(void *p)
{
    free(p);
    free(malloc(500));
}

static void *run_with_cxx_local(void *arg)
{
    CHECK(__cxa_thread_atexit_impl(free_late, malloc(100), &__dso_handle) == 0, "__cxa_thread_atexit_impl");
    return run(arg);
}

static struct hakmem_snapshot snapshot(void)
{
    struct hakmem_snapshot s = {0};
    CHECK(hakmem_snapshot == NULL || hakmem_snapshot(&s, sizeof s) == 0, "hakmem_snapshot");
    return s;
}

static void a_thread(void *(*body)(void *))
{
    pthread_t t;
    CHECK(pthread_create(&t, NULL, body, NULL) == 0, "no thread");
    pthread_join(t, NULL);
}

int main(void)
{
    /* The first keys belong to the library: these destructors run after its own in each round. */
    for (unsigned k = 0; k < HK_COUNT_OF(keys); k++)
        CHECK(pthread_key_create(&keys[k], destroy) == 0, "no key");
    a_thread(run);
    a_thread(run_with_cxx_local);
    struct hakmem_snapshot before = snapshot();
    unsigned calls_before = atomic_load(&calls);
    for (unsigned i = 0; i < THREADS; i++)
        a_thread(i % 2 ? run : run_with_cxx_local);
    struct hakmem_snapshot after = snapshot();
    CHECK(atomic_load(&calls) - calls_before == THREADS * ROUNDS * HK_COUNT_OF(keys), "%u destructors ran",
          atomic_load(&calls) - calls_before);
    CHECK(after.live_blocks == before.live_blocks, "%llu blocks were live before %d threads, %llu after",
          (unsigned long long)before.live_blocks, THREADS, (unsigned long long)after.live_blocks);
    CHECK(after.mapped_bytes <= before.mapped_bytes + 4 * HK_MIB, "%llu bytes were mapped, then %llu",
          (unsigned long long)before.mapped_bytes, (unsigned long long)after.mapped_bytes);
    return 0;
}
