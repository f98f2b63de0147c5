/*
 * hostile_test.c - any bytes in the tuning page may cost speed, never safety.
 *
 * Random words are written over the whole memfd while threads allocate, check what they hold, end, are
 * replaced and fork. The program must see nothing of it: right contents, right figures, a normal end.
 */
#include "tests/support/cmocka_check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/listener.h"
#include "tests/support/puppet.h"

struct scribbler {
    pthread_t thread;
    hk_au64 *words;
    size_t count;
    _Atomic(bool) stop;
    bool plausible;
};

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Half of what a daemon could mean: entries set, small numbers, bounds. */
static uint64_t plausible_word(uint64_t r)
{
    static const uint64_t words[] = {0, 1, 2, 3, 7, 100, 4096, 65535, 65536, 1 << 20, INT64_MAX, UINT64_MAX};
    return r % 3 == 0 ? words[(r >> 8) % HK_COUNT_OF(words)] : (r >> 16) % 5000;
}

static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    uint64_t state = 88172645463325252u;
    while (!atomic_load(&s->stop)) {
        for (unsigned i = 0; i < 64; i++) {
            uint64_t r = next(&state), v = s->plausible ? plausible_word(next(&state)) : next(&state);
            atomic_store_explicit(&s->words[r % s->count], v, memory_order_relaxed);
        }
        usleep(100);
    }
    return NULL;
}

static void start_scribbling(struct scribbler *s, const struct greeting *g, bool plausible)
{
    memset(s, 0, sizeof *s);
    s->words = (hk_au64 *)(void *)g->page;
    s->count = HK_TUNING_BYTES / sizeof(hk_au64);
    s->plausible = plausible;
    assert_int_equal(pthread_create(&s->thread, NULL, scribble, s), 0);
}

static void stop_scribbling(struct scribbler *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
}

static void live(struct puppet *p)
{
    static const unsigned sizes[] = {16, 100, 500, 1000, 3000, 20000, 32768, 100000, 3000000};
    puppet_say(p, "start 0 5");
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        unsigned n = sizes[i] > 50000 ? 10 : 1500;
        puppet_say(p, "on 0 5 alloc 0 %u %u", sizes[i], n);
        puppet_say(p, "on 0 5 churn %u %u 5", sizes[i], n);
        puppet_say(p, "on 0 5 free 0 %u random", n / 2);
        puppet_say(p, "on 1 4 free 0"); /* blocks of others: sets go with the place in the range */
        puppet_say(p, "on 0 5 free 0");
        puppet_say(p, "free 0");
        puppet_say(p, "on 0 5 calloc 0 %u %u", sizes[i], n / 2);
        puppet_say(p, "on 0 5 realloc 0 %u", sizes[i] * 2);
        puppet_say(p, "on 0 5 free 0");
        pid_t child = (pid_t)puppet_number(puppet_say(p, "fork churn %u %u 3", sizes[i], n), 0);
        kill(child, SIGKILL);
    }
    puppet_say(p, "stop 0 5");
}

static void under_random_words(bool plausible)
{
    struct listener listener;
    struct puppet puppet;
    struct greeting g;
    struct scribbler scribbler;
    char errors[512];
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, NULL);
    listener_expect(&listener, &g);
    uint64_t live_before = puppet_number(puppet_say(&puppet, "snapshot"), 2);
    start_scribbling(&scribbler, &g, plausible);
    for (unsigned round = 0; round < 3; round++)
        live(&puppet);
    stop_scribbling(&scribbler);
    assert_int_equal(puppet_number(puppet_say(&puppet, "snapshot"), 2), live_before);
    assert_string_equal(puppet_errors(&puppet, errors, sizeof errors), "");
    assert_int_equal(puppet_end(&puppet), 0);
    greeting_drop(&g);
    listener_remove(&listener);
}

static void random_words_do_no_harm(void **state)
{
    (void)state;
    under_random_words(false);
}

static void plausible_words_do_no_harm(void **state)
{
    (void)state;
    under_random_words(true);
}

/* A daemon may come to its senses. */
static void a_page_that_is_whole_again_is_followed(void **state)
{
    (void)state;
    struct listener listener;
    struct puppet puppet;
    struct greeting g;
    struct scribbler scribbler;
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, NULL);
    listener_expect(&listener, &g);
    start_scribbling(&scribbler, &g, false);
    puppet_say(&puppet, "churn 500 2000 200");
    stop_scribbling(&scribbler);
    atomic_store(&g.page->sequence, 0);
    greeting_beat(&g, 3600000, false);
    greeting_set(&g, HK_TUNE_bin_cap, 64, 0);
    g.tuning.generation = 1000;
    uint64_t generation = greeting_publish(&g);
    puppet_say(&puppet, "churn 500 2000 2");
    assert_int_equal(greeting_counter(&g, puppet.pid, HK_PROCESS_AT(generation_applied)), generation);
    assert_int_equal(greeting_applied(&g, puppet.pid, HK_TUNE_bin_cap).effective, 64);
    puppet_end(&puppet);
    greeting_drop(&g);
    listener_remove(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_words_do_no_harm),
        cmocka_unit_test(plausible_words_do_no_harm),
        cmocka_unit_test(a_page_that_is_whole_again_is_followed),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
