/*
 * exits.c - a misuse of the allocator a run, which is noticed when the program or a thread ends, and not
 * before.
 *
 * usage: exits [NAME]     without one: the names, and what is to be said of each
 *
 * Prints the pointer that it is about, then misuses it. Ends with status 3 where nobody noticed.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/death/misuse.h"

static void exit_twice(void)
{
    allocate_some();
    about(some_blocks[20]);
    free(some_blocks[20]);
    free(some_blocks[21]);
    free(some_blocks[20]);
}

/* All that the program ever does. */
static void exit_twice_alone(void)
{
    void *p = about(malloc(SMALL));
    free(p);
    free(p);
}

/* The first one is in its slab already. */
static void exit_twice_far_apart(void)
{
    allocate_some();
    about(some_blocks[20]);
    free(some_blocks[20]);
    flush();
    free(some_blocks[21]); /* passed on, as what a bin gets that has nothing; the next ones stay */
    free(some_blocks[22]);
    free(some_blocks[20]);
}

static void exit_inside(void)
{
    free(at(block(SMALL), 8));
}

static void exit_inside_odd(void)
{
    free(at(block(1500), 1));
}

/* With as many freed blocks as a bin may hold. */
static void exit_twice_among_many(void)
{
    static void *many[200];
    for (unsigned i = 0; i < HK_COUNT_OF(many); i++)
        many[i] = malloc(SMALL);
    about(many[3]);
    for (unsigned i = 0; i < HK_COUNT_OF(many); i++)
        free(many[i]);
    free(many[3]);
}

static void *last_words;

static void free_last_words(void)
{
    free(last_words);
    free(last_words);
}

static void exit_twice_in_handler(void)
{
    last_words = about(block(SMALL));
    CHECK(atexit(free_last_words) == 0, "atexit");
}

static void *free_twice(void *p)
{
    free(p);
    free(p);
    return NULL;
}

static void exit_twice_by_a_thread_that_ended(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_twice, about(block(SMALL))) == 0, "no thread");
    pthread_join(thread, NULL);
}

static void *and_exit(void *p)
{
    free(p);
    free(p);
    exit(0);
}

static void exit_twice_by_the_thread_that_exits(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, and_exit, about(block(SMALL))) == 0, "no thread");
    pthread_join(thread, NULL);
}

/* Of a size that the C library has no use for when it ends the thread: it would get the block, and get it
 * twice. */
static void exit_twice_by_main_that_ends_first(void)
{
    void *p = about(block(12345));
    free(p);
    free(p);
    pthread_exit(NULL);
}

/* The parent ends as its child did. */
static void exit_twice_in_a_child(void)
{
    void *p = about(block(SMALL));
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        free(p);
        free(p);
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child, "fork");
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    _exit(3);
}

static const struct misuse misuses[] = {
    MISUSE(exit_twice, TWICE_PTR),
    MISUSE(exit_twice_alone, TWICE_PTR),
    MISUSE(exit_twice_among_many, TWICE_PTR),
    MISUSE(exit_twice_far_apart, TWICE_PTR),
    MISUSE(exit_inside, "free\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 8 bytes in"),
    MISUSE(exit_inside_odd, "free\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 1 bytes in"),
    MISUSE(exit_twice_in_handler, TWICE_PTR),
    MISUSE(exit_twice_by_a_thread_that_ended, ANY_OF(TWICE, FREE_MEMORY)),
    MISUSE(exit_twice_by_the_thread_that_exits, ANY_OF(TWICE_PTR, ANY_OF(TWICE, FREE_MEMORY))),
    MISUSE(
        exit_twice_by_main_that_ends_first,
        ANY_OF(
            "double free: the block of [0-9]+ bytes at 0x[0-9a-f]+, or another of its slab, was freed before",
            FREE_MEMORY)),
    MISUSE(exit_twice_in_a_child, TWICE_PTR),
};

int main(int argc, char **argv)
{
    return do_misuse(misuses, HK_COUNT_OF(misuses), argc, argv);
}
