/* random.c - see random.h. The generator is G. Marsaglia's xorshift with S. Vigna's multiplication (2014). */
#include "lib/os/random.h"

#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "lib/os/os.h"
#include "shm/layout.h"

static uint64_t secret;
static hk_au64 draws;
static __thread uint64_t state __attribute__((tls_model("initial-exec")));

/* S. Vigna's splitmix64 finaliser. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A kernel that has none yet, or a filter that does not let one ask: what it gave at the start, the time and
 * the place. */
void hk_chance_begin(bool ask)
{
    uint64_t words[2] = {0, 0};
    const void *at_start = (const void *)getauxval(AT_RANDOM);
    if (ask && hk_os_random(&secret, sizeof secret) == 0)
        return;
    if (at_start != NULL)
        memcpy(words, at_start, sizeof words);
    secret = mix(words[0] ^ mix(words[1] ^ mix(hk_os_now_ns() ^ (uintptr_t)&secret)));
}

/* The time tells a child from its parent, the count one thread from another. */
uint64_t hk_chance_secret(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t count = atomic_fetch_add_explicit(&draws, 1, memory_order_relaxed);
    return mix(secret ^ mix((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) ^
               mix(count ^ UINT64_C(1) << 63));
}

uint32_t hk_chance(uint32_t n)
{
    if (HK_UNLIKELY(state == 0))
        state = hk_chance_secret() | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    uint32_t high = (uint32_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
    return (uint32_t)(((uint64_t)high * n) >> 32);
}

void hk_chance_after_fork(void)
{
    state = 0;
}
