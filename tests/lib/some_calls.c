/*
 * some_calls.c - a known row of calls, for diversions_test.py.
 *
 * usage: some_calls [FORK]     FORK: a child does the same again
 *
 * Prints "usable N": what malloc_usable_size() says of a block of 100 bytes.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

static void call(void)
{
    enum { MANY = 3000 };
    static void *many[MANY];
    char *a = malloc(100), *b = malloc(100000), *c = malloc(5000000);
    CHECK(a != NULL && b != NULL && c != NULL, "no memory");
    printf("usable %zu\n", malloc_usable_size(a));
    a = realloc(a, 101);
    a = realloc(a, 3000);
    free(a);
    free(b);
    free(malloc(99999));
    free(c);
    free(calloc(3, 50));
    free(aligned_alloc(128, 200));
    for (unsigned i = 0; i < MANY; i++)
        many[i] = malloc(48);
    for (unsigned i = 0; i < MANY; i++)
        free(many[i]);
}

int main(int argc, char **argv)
{
    (void)argv;
    setvbuf(stdout, NULL, _IONBF, 0);
    call();
    if (argc > 1) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
            call();
            _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the child ended with %#x", (unsigned)status);
    }
    return 0;
}
