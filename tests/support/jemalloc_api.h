/*
 * jemalloc_api.h - jemalloc's interface as a program's header has it, as far as the tests use it: every
 * function is weak, so that a test starts without the library and can say so.
 */
#ifndef HAKMEM_TESTS_SUPPORT_JEMALLOC_API_H
#define HAKMEM_TESTS_SUPPORT_JEMALLOC_API_H

#include <stddef.h>

#define MALLOCX_LG_ALIGN(lg) ((int)(lg))
#define MALLOCX_ALIGN(align) ((int)__builtin_ctzl(align))
#define MALLOCX_ZERO         0x40
#define MALLOCX_TCACHE(id)   ((int)(((unsigned)(id) + 2) << 8))
#define MALLOCX_TCACHE_NONE  MALLOCX_TCACHE(-1)
#define MALLOCX_ARENA(index) ((int)(((unsigned)(index) + 1) << 20))

#define MALLCTL_ARENAS_ALL       4096
#define MALLCTL_ARENAS_DESTROYED 4097

void *mallocx(size_t size, int flags);
void *rallocx(void *p, size_t size, int flags);
size_t xallocx(void *p, size_t size, size_t extra, int flags);
size_t sallocx(const void *p, int flags);
void dallocx(void *p, int flags);
void sdallocx(void *p, size_t size, int flags);
size_t nallocx(size_t size, int flags);
int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len);
int mallctlnametomib(const char *name, size_t *mib, size_t *mib_len);
int mallctlbymib(const size_t *mib, size_t mib_len, void *old, size_t *old_len, void *new, size_t new_len);
void malloc_stats_print(void (*write_cb)(void *arg, const char *text), void *arg, const char *opts);
extern void (*malloc_message)(void *arg, const char *text);
extern const char *malloc_conf;

#pragma weak mallocx
#pragma weak rallocx
#pragma weak xallocx
#pragma weak sallocx
#pragma weak dallocx
#pragma weak sdallocx
#pragma weak nallocx
#pragma weak mallctl
#pragma weak mallctlnametomib
#pragma weak mallctlbymib
#pragma weak malloc_stats_print
#pragma weak malloc_message
#pragma weak malloc_conf

#endif
