/*
 * checked_block.h - what is known of a block (lib/harden/block_table.h), looked up, and the questions that
 * have only one answer.
 *
 * Of what was handed out before anything was checked nothing is known. Any thread.
 */
#ifndef HAKMEM_LIB_HARDEN_CHECKED_BLOCK_H
#define HAKMEM_LIB_HARDEN_CHECKED_BLOCK_H

#include <stdbool.h>

#include "lib/arena/slab.h"
#include "lib/harden/block_table.h"

struct hk_checked {
    const char *call; /* that it was given to */
    char *p;          /* where the program believes it to start */
    char *end;        /* of what may be touched */
    uint32_t slab;
    unsigned size_class;     /* small */
    hk_au16 *small;          /* its place in the slab's side, else */
    struct hk_side_big *big; /* the slab's */
};

/* Blocks were handed out before anything was checked: one that is not known may be one. */
extern bool hk_checked_late HK_HIDDEN;

enum hk_found { HK_FOREIGN, HK_UNKNOWN, HK_KNOWN };

/* Looks p up for a call. Ends the program where p is no block's start. HK_UNKNOWN big ones may be none. */
enum hk_found hk_checked_find(const char *call, const void *p, struct hk_checked *b);

/* Nothing is known any more of a block that the caller alone has. */
void hk_checked_forget(void *p);

/* Its place in the slab's side. */
hk_au16 *hk_checked_place(union hk_side *side, uint32_t slab, unsigned size_class, const void *p);

HK_INLINE char *hk_checked_slab(uint32_t slab)
{
    return (char *)hk_slab_start(slab);
}

/* Bytes from the block's start to the end of what may be touched. */
HK_INLINE size_t hk_checked_room(const struct hk_checked *b)
{
    return (size_t)(b->end - b->p);
}

/* Bytes that were asked for, of a block that is live. */
size_t hk_checked_asked(const struct hk_checked *b);

/* End the program: where the block was freed; where somebody wrote behind its end. */
void hk_checked_must_live(const struct hk_checked *b);
void hk_checked_must_end(const struct hk_checked *b, size_t asked);

#endif
