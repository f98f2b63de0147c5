/* mallctl_acts_test.c - what is set and ordered by jemalloc's names: numbers of arenas and caches, purging, a
 * thread's own. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/include/hakmem.h"
#include "tests/lib/blocks.h"
#include "tests/lib/mallctl.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

/* ---- settings and orders ---- */

/* Sets a flag of one byte and tells what it was. */
static bool set_flag(const char *name, bool value)
{
    bool was = !value;
    size_t length = sizeof was;
    assert_int_equal(mallctl(name, &was, &length, &value, sizeof value), 0);
    return was;
}

static void flags_are_kept(void **state)
{
    (void)state;
    bool now;
    assert_false(set_flag("background_thread", true));
    assert_true(set_flag("background_thread", false));
    assert_true(set_flag("thread.tcache.enabled", false));
    assert_int_equal(reads("thread.tcache.enabled", &now, sizeof now), 0);
    assert_false(now);
    assert_false(set_flag("thread.tcache.enabled", true));
    size_t threads = 3;
    assert_int_equal(mallctl("max_background_threads", NULL, NULL, &threads, sizeof threads), 0);
    assert_int_equal(size_of("max_background_threads"), 3);
    assert_int_equal(size_of("stats.background_thread.num_threads"), 0);
}

/* Another thread has its own. */
static void *other_thread(void *arg)
{
    (void)arg;
    bool caches = false;
    assert_int_equal(unsigned_of("thread.arena"), 0);
    assert_int_equal(reads("thread.tcache.enabled", &caches, sizeof caches), 0);
    assert_true(caches);
    return NULL;
}

static unsigned new_arena(void)
{
    return unsigned_of("arenas.create");
}

static void arenas_are_numbers(void **state)
{
    (void)state;
    char name[64];
    bool lives = false;
    unsigned first = new_arena(), none = 4000, was = 99;
    size_t length = sizeof was;
    assert_true(first >= 1);
    assert_int_equal(unsigned_of("arenas.narenas"), first + 1);
    snprintf(name, sizeof name, "arena.%u.initialized", first);
    assert_int_equal(reads(name, &lives, sizeof lives), 0);
    assert_true(lives);
    assert_int_equal(mallctl("thread.arena", &was, &length, &first, sizeof first), 0);
    assert_int_equal(was, 0);
    assert_int_equal(unsigned_of("thread.arena"), first);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &none, sizeof none), EFAULT);
    /* What is allocated with it is the first arena's. */
    void *p = mallocx(100000, MALLOCX_ARENA(first));
    refresh();
    snprintf(name, sizeof name, "stats.arenas.%u.large.allocated", first);
    assert_int_equal(size_of(name), 0);
    assert_true(size_of("stats.arenas.0.large.allocated") >= 100000);
    dallocx(p, 0);
    none = 0;
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &none, sizeof none), 0);
    snprintf(name, sizeof name, "arena.%u.reset", first);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), EFAULT);
    snprintf(name, sizeof name, "arena.%u.destroy", first);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), EFAULT);
    assert_int_equal(mallctl("arena.0.destroy", NULL, NULL, NULL, 0), EFAULT);
    snprintf(name, sizeof name, "arena.%u.initialized", first);
    assert_int_equal(reads(name, &lives, sizeof lives), 0);
    assert_false(lives);
    snprintf(name, sizeof name, "stats.arenas.%u.pdirty", first);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), ENOENT);
    assert_int_equal(new_arena(), first); /* used again */
}

static void arenas_are_not_made_in_vain(void **state)
{
    (void)state;
    unsigned before = unsigned_of("arenas.narenas");
    uint64_t room = 77;
    for (size_t bytes = 0; bytes <= 8; bytes++) {
        size_t length = bytes;
        if (bytes == sizeof(unsigned))
            continue;
        assert_int_equal(mallctl("arenas.create", &room, &length, NULL, 0), EINVAL);
        assert_int_equal(length, 0);
    }
    assert_int_equal(mallctl("arenas.create", NULL, NULL, NULL, 0), EINVAL);
    void *hooks = &room;
    size_t length = sizeof(unsigned);
    assert_int_equal(mallctl("arenas.create", &room, &length, (void *)&hooks, sizeof hooks), EFAULT);
    assert_int_equal(mallctl("arenas.create", &room, &length, (void *)&hooks, 4), EINVAL);
    assert_int_equal(room, 77);
    assert_int_equal(unsigned_of("arenas.narenas"), before);
}

static void caches_are_numbers(void **state)
{
    (void)state;
    unsigned first = unsigned_of("tcache.create"), second = unsigned_of("tcache.create"), none = 4093;
    assert_int_not_equal(first, second);
    void *p = mallocx(100, MALLOCX_TCACHE(second));
    dallocx(p, MALLOCX_TCACHE(second));
    assert_int_equal(mallctl("tcache.flush", NULL, NULL, &second, sizeof second), 0);
    assert_int_equal(mallctl("tcache.destroy", NULL, NULL, &second, sizeof second), 0);
    assert_int_equal(mallctl("tcache.destroy", NULL, NULL, &second, sizeof second), EFAULT);
    assert_int_equal(mallctl("tcache.flush", NULL, NULL, &none, sizeof none), EFAULT);
    assert_int_equal(mallctl("tcache.flush", NULL, NULL, &first, 8), EINVAL);
    assert_int_equal(unsigned_of("tcache.create"), second);
    /* Until there are none. */
    unsigned made = 0, last;
    size_t length = sizeof last;
    while (mallctl("tcache.create", &last, &length, NULL, 0) == 0)
        made++;
    assert_int_equal(mallctl("tcache.create", &last, &length, NULL, 0), EAGAIN);
    assert_int_equal(made + 2, 4094);
    for (unsigned id = 0; id < 4094; id++)
        assert_int_equal(mallctl("tcache.destroy", NULL, NULL, &id, sizeof id), 0);
}

static void purging_gives_pages_back(void **state)
{
    (void)state;
    static const char *const orders[] = {"arena.0.purge", "arena.4096.purge", NULL};
    char all[64];
    for (unsigned i = 0; i < HK_COUNT_OF(orders); i++) {
        void *p = memset(malloc(900000), 1, 900000);
        free(p);
        refresh();
        assert_true(size_of("stats.arenas.0.pdirty") > 0);
        snprintf(all, sizeof all, "arena.%u.purge", unsigned_of("arenas.narenas"));
        assert_int_equal(mallctl(orders[i] != NULL ? orders[i] : all, NULL, NULL, NULL, 0), 0);
        refresh();
        assert_int_equal(size_of("stats.arenas.0.pdirty"), 0);
    }
    assert_int_equal(mallctl("arena.0.decay", NULL, NULL, NULL, 0), 0);
}

static int set_decay(const char *name, int64_t ms)
{
    return mallctl(name, NULL, NULL, &ms, sizeof ms);
}

static size_t retained_after_a_free(void)
{
    free(memset(malloc(900000), 1, 900000));
    refresh();
    return size_of("stats.arenas.0.pdirty");
}

static void decay_is_retention(void **state)
{
    (void)state;
    assert_true(retained_after_a_free() > 0);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", 0), 0);
    assert_int_equal(size_of("arena.0.dirty_decay_ms"), 0);
    assert_int_equal(retained_after_a_free(), 0);
    assert_int_equal(set_decay("arena.4096.dirty_decay_ms", 10000), 0);
    assert_true(retained_after_a_free() > 0);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", -1), 0);
    assert_int_equal((int64_t)size_of("stats.arenas.0.dirty_decay_ms"), -1);
    free(memset(malloc(50 << 20), 1, 50 << 20));
    refresh();
    assert_true(size_of("stats.arenas.0.pdirty") * size_of("arenas.page") > 40 << 20);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", 250), 0);
    refresh();
    assert_int_equal(size_of("stats.arenas.0.pdirty"), 0);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", -2), EFAULT);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", INT64_MAX), EFAULT);
    assert_int_equal(set_decay("arenas.dirty_decay_ms", 0), 0); /* for arenas to come */
    assert_int_equal(size_of("arenas.dirty_decay_ms"), 0);
    assert_int_equal(size_of("arena.0.dirty_decay_ms"), 250);
    assert_true(retained_after_a_free() > 0);
    assert_int_equal(set_decay("arena.0.muzzy_decay_ms", 7), 0);
    assert_int_equal(size_of("arena.0.muzzy_decay_ms"), 7);
}

/* What is retained afterwards of nine tenths of a MiB: all by 16 MiB, nothing by 0. */
static void decay_goes_back_to_what_was(void **state)
{
    (void)state;
    char own[64];
    snprintf(own, sizeof own, "arena.%u.dirty_decay_ms", new_arena());
    assert_int_equal(hakmem_tune("retain_bytes", "0"), 0);
    assert_int_equal(hakmem_tune("retain_percent", "0"), 0);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", -1), 0);
    assert_true(retained_after_a_free() > 0);
    assert_int_equal(set_decay(own, 0), 0); /* has no memory */
    assert_int_equal((int64_t)size_of("arena.0.dirty_decay_ms"), -1);
    assert_true(retained_after_a_free() > 0);
    snprintf(own, sizeof own, "arena.%u.dirty_decay_ms", unsigned_of("arenas.narenas")); /* all */
    assert_int_equal(set_decay(own, 5000), 0);
    assert_int_equal(size_of("arena.0.dirty_decay_ms"), 5000);
    assert_int_equal(retained_after_a_free(), 0);
    assert_int_equal(hakmem_tune("retain_bytes", "16MiB"), 0);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", 0), 0);
    assert_int_equal(set_decay("arena.0.dirty_decay_ms", 5000), 0);
    assert_true(retained_after_a_free() > 0);
}

/* Names that can be written alone want something to write. */
static void nothing_is_no_value(void **state)
{
    (void)state;
    assert_int_equal(mallctl("tcache.flush", NULL, NULL, NULL, 0), EINVAL);
    assert_int_equal(mallctl("tcache.destroy", NULL, NULL, NULL, 0), EINVAL);
}

static void orders_of_a_thread(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        free(check_hidden_pointer(malloc(64)));
    assert_int_equal(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), 0);
    struct hakmem_snapshot s;
    hakmem_snapshot(&s, sizeof s);
    assert_int_equal(s.bin_bytes, 0);
    assert_int_equal(mallctl("thread.idle", NULL, NULL, NULL, 0), 0);
    size_t length = 8;
    assert_int_equal(mallctl("thread.idle", &length, &length, NULL, 0), EPERM);
    assert_int_equal(mallctl("thread.idle", NULL, NULL, &length, sizeof length), EPERM);
}

static void sbrk_stays_unused(void **state)
{
    (void)state;
    const char *word = "primary", *was = NULL;
    size_t length = sizeof was;
    assert_int_equal(mallctl("arena.0.dss", NULL, NULL, (void *)&word, sizeof(void *)), EFAULT);
    word = "nonsense";
    assert_int_equal(mallctl("arena.0.dss", NULL, NULL, (void *)&word, sizeof(void *)), EINVAL);
    word = "disabled";
    assert_int_equal(mallctl("arena.0.dss", (void *)&was, &length, (void *)&word, sizeof(void *)), 0);
    assert_string_equal(was, "disabled");
}

static int look_up(void *p)
{
    unsigned arena = 99;
    size_t length = sizeof arena;
    int error = mallctl("arenas.lookup", &arena, &length, (void *)&p, sizeof p);
    if (error == 0)
        assert_int_equal(arena, 0);
    return error;
}

static void blocks_are_looked_up(void **state)
{
    (void)state;
    for (size_t size = 10; size < 10000000; size *= 9) {
        void *p = malloc(size);
        assert_int_equal(look_up(p), 0);
        free(p);
    }
    int on_the_stack;
    assert_int_equal(look_up(&on_the_stack), EINVAL);
    assert_int_equal(look_up(NULL), EINVAL);
}

/* ---- several threads ---- */

static void *ask(void *arg)
{
    for (unsigned i = 0; i < 3000; i++) {
        void *p = mallocx(1 + i % 5000, 0);
        refresh();
        if (size_of("stats.active") < size_of("stats.allocated") && arg != NULL)
            fail_msg("more is allocated than active");
        assert_int_equal(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), 0);
        dallocx(p, 0);
    }
    return NULL;
}

static void threads_ask_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_kept),
        cmocka_unit_test(arenas_are_numbers),
        cmocka_unit_test(arenas_are_not_made_in_vain),
        cmocka_unit_test(caches_are_numbers),
        cmocka_unit_test(purging_gives_pages_back),
        cmocka_unit_test(decay_is_retention),
        cmocka_unit_test(decay_goes_back_to_what_was),
        cmocka_unit_test(nothing_is_no_value),
        cmocka_unit_test(orders_of_a_thread),
        cmocka_unit_test(sbrk_stays_unused),
        cmocka_unit_test(blocks_are_looked_up),
        cmocka_unit_test(threads_ask_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
