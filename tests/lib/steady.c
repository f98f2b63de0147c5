/*
 * steady.c - a program that allocates and frees at random between two marks, which are getppid().
 *
 * Traced by quiet_test.c. Before the first mark it has done as much as between them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS  8192
#define ROUNDS 3000000

static void *slots[SLOTS];

static void live(uint64_t seed)
{
    uint64_t x = seed;
    for (unsigned i = 0; i < ROUNDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        void **slot = &slots[x % SLOTS];
        free(*slot);
        *slot = malloc(16 + (x >> 32) % 1008);
        if (*slot == NULL)
            _exit(1);
    }
}

int main(void)
{
    live(88172645463325252u);
    syscall(SYS_getppid);
    live(362436069362436069u);
    syscall(SYS_getppid);
    return 0;
}
