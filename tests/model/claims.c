/* claims.c - see claims.h: two levels, of which the second (a GiB of addresses each) is mapped when needed.
 */
#include "tests/model/claims.h"

#include <sys/mman.h>

#define GRANULE     16
#define LEAF_SHIFT  30
#define LEAF_WORDS  (((size_t)1 << LEAF_SHIFT) / GRANULE / 64)
#define LEAVES      ((size_t)1 << (47 - LEAF_SHIFT))
#define WORD_GRAINS 64

typedef _Atomic(uint64_t) word;

static _Atomic(word *) *leaves;

_Atomic(uint64_t) claimed_blocks, claimed_bytes;

void claims_init(void)
{
    leaves = own_memory(LEAVES * sizeof *leaves);
}

static word *leaf_of(const struct block *b, uintptr_t address)
{
    size_t at = address >> LEAF_SHIFT;
    if (at >= LEAVES)
        violation(b, 0, "no address that a program can have");
    word *leaf = atomic_load(&leaves[at]);
    if (leaf == NULL) {
        word *fresh = own_memory(LEAF_WORDS * sizeof *fresh);
        if (atomic_compare_exchange_strong(&leaves[at], &leaf, fresh))
            leaf = fresh;
        else
            munmap((void *)(uintptr_t)fresh, LEAF_WORDS * sizeof *fresh);
    }
    return leaf;
}

/* Sets or clears the bits of one word; returns those of them that were not as they should have been. */
static uint64_t change(word *w, uint64_t bits, bool set)
{
    return set ? atomic_fetch_or(w, bits) & bits : ~atomic_fetch_and(w, ~bits) & bits;
}

static void change_range(const struct block *b, bool set)
{
    uintptr_t first = (uintptr_t)b->p / GRANULE, end = ((uintptr_t)b->p + b->usable + GRANULE - 1) / GRANULE;
    while (first < end) {
        word *leaf = leaf_of(b, first * GRANULE);
        unsigned from = first % WORD_GRAINS;
        size_t count = end - first < WORD_GRAINS - from ? end - first : WORD_GRAINS - from;
        uint64_t bits = (count == WORD_GRAINS ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1) << from;
        uint64_t wrong = change(&leaf[first / WORD_GRAINS % LEAF_WORDS], bits, set);
        if (wrong != 0) {
            uintptr_t at = (first - from + (unsigned)__builtin_ctzll(wrong)) * GRANULE;
            violation(b, at - (uintptr_t)b->p,
                      set ? "overlaps another live block" : "its range was another's meanwhile");
        }
        first += count;
    }
}

void claim(const struct block *b)
{
    change_range(b, true);
    atomic_fetch_add_explicit(&claimed_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&claimed_bytes, b->usable, memory_order_relaxed);
}

void unclaim(const struct block *b)
{
    change_range(b, false);
    atomic_fetch_sub_explicit(&claimed_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&claimed_bytes, b->usable, memory_order_relaxed);
}
