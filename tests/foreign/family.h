/*
 * family.h - the malloc family of another object than the preloaded one, and that object's own figures.
 *
 * For programs that run under libhakmem.so. All functions end the test program on what must not happen
 * (tests/support/check.h). Thread-safe after family_open().
 */
#ifndef HAKMEM_TESTS_FOREIGN_FAMILY_H
#define HAKMEM_TESTS_FOREIGN_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

struct family {
    void *handle;
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);   /* NULL: it has none */
    void *(*memalign)(size_t align, size_t size); /* NULL: it has none */
    size_t (*malloc_usable_size)(void *p);        /* NULL: it has none */
    bool asked;                                   /* it can be asked whose a pointer is */
    size_t (*own_live)(void);                     /* own_malloc.c's live blocks; NULL: another object */
};

/* Opens the object, or skips the test where it is not installed. */
void family_open(struct family *family, const char *library);

/* Runs in a child, and returns its status as waitpid() has it. What it writes to stderr is in said, of which
 * bytes are room; NULL: goes where it goes. A child that does not end is ended by SIGALRM after a minute. */
int family_in_child(void (*run)(void *arg), void *arg, char *said, size_t bytes);

#endif
