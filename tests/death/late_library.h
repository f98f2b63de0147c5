/*
 * late_library.h - a library that a program is linked with, and whose destructor comes after the allocator's.
 */
#ifndef HAKMEM_TESTS_DEATH_LATE_LIBRARY_H
#define HAKMEM_TESTS_DEATH_LATE_LIBRARY_H

/* Allocates so many blocks, at most 1000, which the library's destructor frees. Called once. */
__attribute__((visibility("default"))) void late_library_keep(unsigned blocks);

#endif
