/*
 * harmless.c - what is written into freed blocks, and behind the ends of live ones, changes no answer of
 * malloc's.
 *
 * Two children of one process do the same calls; one of them writes the address of a decoy wherever an
 * allocator could have left links, sizes or keys. Both are given the same addresses, in the same order.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

#define EACH   300
#define ROUNDS 4
#define SLAB   65536

static const size_t sizes[] = {24, 48, 112, 1000, 1500};

#define BLOCKS (HK_COUNT_OF(sizes) * EACH)

/* What one child was given, in order. */
struct answers {
    unsigned count;
    uintptr_t at[ROUNDS * BLOCKS];
};

static void *blocks[BLOCKS];
static char decoy[SLAB] __attribute__((aligned(16)));

/* Some stay live, so that no slab is given back while it is written to. */
static bool stays(unsigned i)
{
    return i % 8 == 0;
}

/* Not into the next slab, which need not be ours. */
static void write_over(char *p, size_t bytes)
{
    void *value = decoy + SLAB / 2;
    size_t room = SLAB - (uintptr_t)p % SLAB;
    for (size_t i = 0; i + sizeof value <= (bytes < room ? bytes : room); i += sizeof value)
        memcpy(p + i, &value, sizeof value);
}

static void note(struct answers *a, void *p)
{
    CHECK(p != NULL, "no memory");
    a->at[a->count++] = (uintptr_t)p;
}

static void allocate(struct answers *a)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i] == NULL)
            note(a, blocks[i] = malloc(sizes[i / EACH]));
    }
}

/* Leaves them in bins or, with flush, in their slabs. */
static void release(bool flush, bool overwrite)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (!stays(i)) {
            free(blocks[i]);
            if (overwrite)
                write_over(check_hidden_pointer(blocks[i]), sizes[i / EACH]);
        }
    }
    if (flush)
        malloc_trim(0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (overwrite)
            write_over(check_hidden_pointer(blocks[i]), sizes[i / EACH] + 40);
        if (!stays(i))
            blocks[i] = NULL;
    }
}

static void answer(struct answers *a, bool overwrite)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        allocate(a);
        release(round % 2 == 1, overwrite);
    }
    _exit(0);
}

static const struct answers *child(bool overwrite)
{
    int status = -1;
    struct answers *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(a != MAP_FAILED, "mmap");
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (pid == 0)
        answer(a, overwrite);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%s: status %#x",
          overwrite ? "the one that writes" : "the other", (unsigned)status);
    return a;
}

int main(void)
{
    free(malloc(100));
    const struct answers *plain = child(false), *ours = child(true);
    CHECK(plain->count > BLOCKS && plain->count == ours->count, "%u answers, and %u", plain->count,
          ours->count);
    for (unsigned i = 0; i < plain->count; i++)
        CHECK(plain->at[i] == ours->at[i], "answer %u is %#lx, not %#lx; the decoy is at %p", i,
              (unsigned long)ours->at[i], (unsigned long)plain->at[i], (void *)decoy);
    return 0;
}
