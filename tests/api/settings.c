/*
 * settings.c - a program that uses glibc's debugging aids and settings: tracing, mallopt, and whatever its
 * environment asks of malloc. With another allocator they may do nothing, but no harm either.
 */
#include <malloc.h>
#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

/* A known parameter may be set to anything; who asks for an unknown one is told so. */
static void set_parameters(void)
{
    static const int parameters[] = {M_MXFAST,  M_TRIM_THRESHOLD, M_TOP_PAD,   M_MMAP_THRESHOLD, M_MMAP_MAX,
                                     M_PERTURB, M_ARENA_TEST,     M_ARENA_MAX, M_CHECK_ACTION};
    for (unsigned i = 0; i < HK_COUNT_OF(parameters); i++)
        CHECK(mallopt(parameters[i], 64) == 1, "mallopt(%d)", parameters[i]);
    mallopt(M_PERTURB, 0);
    mallopt(M_MXFAST, 0);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

static void use_memory(void)
{
    for (unsigned i = 1; i < 3000; i++) {
        char *p = malloc(i), *q = calloc(1, i * 5), *r = memalign(512, i);
        CHECK(p != NULL && q != NULL && r != NULL, "no memory");
        CHECK(q[0] == 0 && q[i * 5 - 1] == 0, "calloc gave bytes that are not zero");
        memset(p, 1, i);
        p = realloc(p, i * 4);
        CHECK(p[0] == 1 && p[i - 1] == 1, "contents lost");
        free(q);
        free(p);
        free(r);
    }
}

int main(void)
{
    mtrace();
    use_memory();
    set_parameters();
    use_memory();
    muntrace();
    malloc_trim(0);
    use_memory();
    FILE *file = tmpfile();
    CHECK(file != NULL, "tmpfile");
    CHECK(malloc_info(0, file) == 0, "malloc_info");
    CHECK(ftell(file) > 100, "malloc_info wrote %ld bytes", ftell(file));
    fclose(file);
    struct mallinfo2 info = mallinfo2();
    CHECK(info.arena >= info.uordblks, "%zu used of %zu", info.uordblks, info.arena);
    puts("done");
    return 0;
}
