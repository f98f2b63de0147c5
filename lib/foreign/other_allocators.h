/*
 * other_allocators.h - objects in the process that have a malloc family of their own.
 *
 * A program may be linked with another allocator, or load one, or a plugin that brings its own, and hand us
 * what it got by names that we do not have (mallocx, tc_malloc, mi_malloc, a look-up in the object itself).
 * Here is found out who there is, and who can be asked whether a pointer is his. Nothing here allocates,
 * waits for a lock of ours, or keeps the linker's while it calls anybody. The C library, the linker and this
 * library are no others.
 */
#ifndef HAKMEM_LIB_FOREIGN_OTHER_ALLOCATORS_H
#define HAKMEM_LIB_FOREIGN_OTHER_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>

#define HK_OTHERS_MOST 8

/* An object's functions; those that it lacks are NULL. */
struct hk_other {
    void (*give_back)(void *p); /* its free; never NULL */
    void *(*resize)(void *p, size_t size);
    size_t (*measure)(void *p); /* its malloc_usable_size */
    int (*mallctl)(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);
    int (*ownership)(const void *p);       /* gperftools' MallocExtension_GetOwnership */
    bool (*in_heap_region)(const void *p); /* mimalloc's */
};

/* In the order in which their definitions would be found if ours were not there; further ones are left out.
 */
struct hk_others {
    unsigned count;
    struct hk_other at[HK_OTHERS_MOST];
};

/* Remembers which objects the program was started with. Once, before the program's main. */
void hk_others_init(void);

/* In a forked child: whether the linker's lock may be lost. */
void hk_others_after_fork(void);

/*
 * Those that the program was started with, which stay as long as it runs.
 *
 * @param room  where the answer may be put
 * @return      room, or constant memory; empty before hk_others_init()
 * Any thread, a forked child too. No lock is taken.
 */
const struct hk_others *hk_others_lasting(struct hk_others *room);

/*
 * Those that were loaded since. They can go any time: what is known of them is not to be kept.
 *
 * @param out  filled in on success
 * @return     false: a forked child cannot find out. The fork may have cut a thread that had the linker's
 *             lock, which nobody gives back, and the linker's list may be in the middle of a change.
 * Any thread; takes the linker's lock, and no other (dl_iterate_phdr).
 */
bool hk_others_loaded(struct hk_others *out);

enum hk_answer { HK_ANSWER_NO, HK_ANSWER_YES, HK_ANSWER_NONE };

/*
 * Asks an allocator whether a pointer lies in its memory.
 *
 * @param other  of a list above
 * @param p      any address of the program's half from the first page on
 * @return       HK_ANSWER_NONE: it cannot be asked
 * Any thread.
 */
enum hk_answer hk_other_owns(const struct hk_other *other, const void *p);

#endif
