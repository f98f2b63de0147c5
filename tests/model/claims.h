/*
 * claims.h - which addresses belong to live blocks: a bit for each 16 bytes of the address space.
 *
 * A block is claimed when the allocator has handed it out, before it is written to, and let go before it is
 * handed back. Two live blocks that share a byte, and one that is taken while another still has it, show as a
 * bit that is set already. Lock-free; a process forked at any instant can go on with what it has.
 */
#ifndef HAKMEM_TESTS_MODEL_CLAIMS_H
#define HAKMEM_TESTS_MODEL_CLAIMS_H

#include "tests/model/model.h"

void claims_init(void);

/* The block's range (p, usable) is claimed: violation() if any of it is. */
void claim(const struct block *b);

/* It is given up: violation() if any of it was not claimed. */
void unclaim(const struct block *b);

/* Blocks claimed at present, and their usable bytes. */
extern _Atomic(uint64_t) claimed_blocks, claimed_bytes;

#endif
