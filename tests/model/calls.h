/*
 * calls.h - every entry point of the allocator, called with its rules checked.
 *
 * Each call must leave errno alone where it succeeds and say ENOMEM or EINVAL where it fails; what it gives
 * must be aligned, long enough, in nobody else's hands (claims.h) and, from calloc, zero.
 */
#ifndef HAKMEM_TESTS_MODEL_CALLS_H
#define HAKMEM_TESTS_MODEL_CALLS_H

#include "tests/model/model.h"
#include "tests/model/random.h"

/* Gets a block of size bytes by a call at random, aligned as some of them can, and fills it. false: there is
 * no memory for it, which only sizes beyond reason may see. */
bool call_allocate(struct block *b, size_t size, struct dice *d);

/* Checks the block and changes its size by a call at random. Where there is no memory it is as before. */
void call_resize(struct block *b, size_t size, struct dice *d);

/* Checks the block and frees it by a call at random. */
void call_release(struct block *b, struct dice *d);

/* Checks the block's contents and what the allocator says of it. */
void call_verify(const struct block *b);

/* Calls that must be refused. */
void call_wrongly(struct dice *d);

/* Questions and orders: figures, trimming and, with --tune, this process's own values. */
void call_about(struct dice *d);

/* What is live according to the allocator, less what is according to the tester. Exact where one thread runs.
 */
void call_figures(uint64_t *blocks, uint64_t *bytes);

#endif
