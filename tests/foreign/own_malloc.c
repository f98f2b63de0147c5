/*
 * own_malloc.c - a malloc family of its own, as plugins and programs bring it, that can be asked nothing.
 *
 * Blocks are taken one after the other from a mapping, and are counted; none is used again. The word in front
 * of a block is its size, so that some look like blocks of the C library. LEAST: it has malloc and free
 * alone.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define POOL   ((size_t)1 << 30)
#define HEADER ((size_t)16)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *pool;
static size_t used, live;

EXPORT void *malloc(size_t size);
EXPORT void free(void *p);
EXPORT size_t own_live(void);

static size_t *header(void *p)
{
    return (size_t *)p - 1;
}

void *malloc(size_t size)
{
    size_t bytes = (size + HEADER + 15) & ~(size_t)15;
    void *p = NULL;
    pthread_mutex_lock(&lock);
    if (pool == NULL) {
        pool = mmap(NULL, POOL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (pool == MAP_FAILED)
            pool = NULL;
    }
    if (pool != NULL && bytes >= size && bytes <= POOL - used) {
        p = pool + used + HEADER;
        used += bytes;
        live++;
        *header(p) = size;
    }
    pthread_mutex_unlock(&lock);
    return p;
}

/* Ends the program where the block is not from here. */
void free(void *p)
{
    if (p == NULL)
        return;
    if (pool == NULL || (char *)p < pool || (char *)p >= pool + POOL)
        _exit(9);
    pthread_mutex_lock(&lock);
    live--;
    pthread_mutex_unlock(&lock);
}

size_t own_live(void)
{
    pthread_mutex_lock(&lock);
    size_t now = live;
    pthread_mutex_unlock(&lock);
    return now;
}

#ifndef LEAST
EXPORT void *calloc(size_t count, size_t size);
EXPORT void *realloc(void *p, size_t size);
EXPORT void *memalign(size_t align, size_t size);
EXPORT size_t malloc_usable_size(void *p);

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes); /* the mapping is zero */
}

void *realloc(void *p, size_t size)
{
    void *to = malloc(size);
    if (to != NULL && p != NULL) {
        memcpy(to, p, *header(p) < size ? *header(p) : size);
        free(p);
    }
    return to;
}

void *memalign(size_t align, size_t size)
{
    char *p = malloc(size + align);
    if (p == NULL)
        return NULL;
    char *at = (char *)(((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1));
    *header(at) = size;
    return at;
}

size_t malloc_usable_size(void *p)
{
    return p != NULL ? *header(p) : 0;
}
#endif
