/*
 * harden.h - HAKMEM_HARDEN: every call is checked, and misuse ends the program where it happens.
 *
 * A layer above the ordinary allocator: blocks come out of bins and runs of slabs as ever, and go back there.
 * What is known of each is kept in a table of its own (lib/harden/block_table.h): its state, so that a block
 * freed twice is found at the second free, and the size that was asked for, behind which lies a canary and
 * which is what malloc_usable_size() answers. Freed blocks are filled and wait in a ring
 * (lib/harden/quarantine.h).
 *
 * docs/hardening.md says what each mode catches, and what it costs.
 */
#ifndef HAKMEM_LIB_HARDEN_HARDEN_H
#define HAKMEM_LIB_HARDEN_HARDEN_H

#include <stdbool.h>

#include "shm/base.h"

/* Reads HAKMEM_HARDEN and keeps what it says; wrong words are told on stderr and passed over. Returns modes
 * of enum hk_diversion, 0 for none. */
unsigned hk_harden_read(const char *text);

/* Makes ready what the modes that were read need. false: no memory; to be called again. */
bool hk_harden_begin(void);

/* The same for modes that begin while the process runs; nothing is read. Whether either was ever called. */
bool hk_harden_begin_live(void);
bool hk_harden_has_begun(void);

/* Looks at all blocks that wait, and lets them go. Returns whether there was any. */
bool hk_harden_let_go(void);

/* Looks at them and lets them wait: the process exits, out of malloc perhaps. Modes are in force. */
void hk_harden_look(void);

/* The calls: as in lib/harden/intercept.h. */
void *hk_harden_alloc(size_t size, size_t align, bool *zeroed);
void hk_harden_free(const char *call, void *p, size_t size, size_t align);
void *hk_harden_resize(const char *call, void *p, size_t size);
void hk_harden_resize_here(const char *call, void *p, size_t size, size_t most);
size_t hk_harden_usable(const void *p);

#endif
