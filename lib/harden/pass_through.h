/*
 * pass_through.h - a sanitizer's runtime is in the process: its allocator is the program's, and this one only
 * hands on.
 *
 * AddressSanitizer, ThreadSanitizer, MemorySanitizer and LeakSanitizer each bring an allocator that their
 * findings depend on, and shadow memory at addresses of their own. Preloaded in front of such a runtime, this
 * library maps nothing, publishes nothing and passes every call to the next allocator, which is the runtime's
 * (docs/decisions/0014-sanitizers.md). The calls come here by the switch of lib/harden/intercept.h.
 */
#ifndef HAKMEM_LIB_HARDEN_PASS_THROUGH_H
#define HAKMEM_LIB_HARDEN_PASS_THROUGH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds out whether there is such a runtime, and the functions of the next allocator.
 *
 * @return  false: there is none, or nothing behind this library to hand calls to
 * Any thread, before any constructor too; to be called before any block was handed out. Without a runtime it
 * costs the reading of one word.
 */
bool hk_stand_back_begin(void);

/* The calls, as lib/harden/intercept.h has them, done by the next allocator. Any thread, after
 * hk_stand_back_begin().
 */
void *hk_stand_back_alloc(size_t size, size_t align);
void hk_stand_back_free(void *p);
void *hk_stand_back_resize(void *p, size_t size);
size_t hk_stand_back_usable(const void *p);

#endif
