/*
 * watched.c - a program to be built with sanitizers and run under valgrind: `clean` calls every function that
 * hands out or takes back memory, in threads and forked children; the other words each make one mistake on
 * purpose.
 *
 * What it prints depends on nothing but the word. Functions that the C library need not have are called where
 * they are there.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 100 };

void free_sized(void *p, size_t size) __attribute__((weak));
void free_aligned_sized(void *p, size_t align, size_t size) __attribute__((weak));
void cfree(void *p) __attribute__((weak));
void *mallocx(size_t size, int flags) __attribute__((weak));
void *rallocx(void *p, size_t size, int flags) __attribute__((weak));
void dallocx(void *p, int flags) __attribute__((weak));
void sdallocx(void *p, size_t size, int flags) __attribute__((weak));
size_t sallocx(const void *p, int flags) __attribute__((weak));

static void give_sized(void *p, size_t size)
{
    if (free_sized != NULL)
        free_sized(p, size);
    else
        free(p);
}

static void give_aligned(void *p, size_t align, size_t size)
{
    if (free_aligned_sized != NULL)
        free_aligned_sized(p, align, size);
    else
        free(p);
}

static void give_old(void *p)
{
    if (cfree != NULL)
        cfree(p);
    else
        free(p);
}

/* Writes to all of it, and adds up what stands there. */
static unsigned long use(void *p, size_t size)
{
    unsigned char *bytes = p;
    unsigned long sum = 0;
    if (p == NULL || malloc_usable_size(p) < size) {
        puts("no memory");
        exit(3);
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(size + i);
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    return sum;
}

static unsigned long grow(size_t size)
{
    unsigned long sum;
    char *p = reallocarray(NULL, size, 2);
    sum = use(p, size * 2);
    p = reallocarray(p, size, 3);
    sum += use(p, size * 3);
    p = realloc(p, size);
    sum += use(p, size);
    free(p);
    p = calloc(size, 3);
    for (size_t i = 0; i < size * 3; i++)
        sum += (unsigned char)p[i];
    p = reallocarray(p, size, 40);
    sum += use(p, size * 40);
    give_sized(p, size * 40);
    return sum;
}

/* jemalloc's names, where they are there; else what they stand for. */
static unsigned long by_other_names(size_t size)
{
    enum { ZERO = 0x40, LG_ALIGN = 8 };
    int is_there = mallocx != NULL && rallocx != NULL && dallocx != NULL && sdallocx != NULL &&
                   sallocx != NULL;
    unsigned long sum = 0;
    char *p = is_there ? mallocx(size, ZERO) : calloc(1, size);
    for (size_t i = 0; i < size; i++)
        sum += (unsigned char)p[i];
    p = is_there ? rallocx(p, size * 3, ZERO | LG_ALIGN) : realloc(p, size * 3);
    sum += use(p, size * 3);
    p = realloc(p, size * 50);
    sum += use(p, size * 50) + (unsigned long)(is_there && sallocx(p, 0) < size * 50);
    if (is_there)
        dallocx(p, 0);
    else
        free(p);
    p = is_there ? mallocx(size * 70, LG_ALIGN) : malloc(size * 70);
    sum += use(p, size * 70);
    if (is_there)
        sdallocx(p, size * 70, LG_ALIGN);
    else
        free(p);
    p = is_there ? rallocx(malloc(size), size * 2, 0) : realloc(malloc(size), size * 2);
    sum += use(p, size * 2);
    free(p);
    return sum;
}

static unsigned long aligned(size_t size)
{
    unsigned long sum = 0;
    void *p;
    for (size_t align = 16; align <= 4096; align *= 4) {
        size_t whole = (size + align - 1) / align * align;
        p = aligned_alloc(align, whole);
        sum += use(p, whole) + (uintptr_t)p % align;
        give_aligned(p, align, whole);
        p = memalign(align, size);
        sum += use(p, size) + (uintptr_t)p % align;
        give_old(p);
        if (posix_memalign(&p, align, size) != 0)
            exit(4);
        sum += use(p, size) + (uintptr_t)p % align;
        free(p);
    }
    return sum;
}

/* By one thread only: under valgrind 3.19 valloc has a race of its own. */
static unsigned long pages(size_t size)
{
    unsigned long sum;
    void *p = valloc(size);
    sum = use(p, size);
    p = realloc(p, size * 2);
    sum += use(p, size * 2);
    give_old(p);
    return sum;
}

static void *job(void *sum)
{
    for (size_t i = 1; i <= ROUNDS; i++)
        *(unsigned long *)sum += grow(i * 7 % 3000 + 1) + by_other_names(i * 11 % 900 + 1);
    for (size_t i = 1; i <= ROUNDS / 5; i++)
        *(unsigned long *)sum += aligned(i * 131);
    char *text = strdup("by the C library");
    *(unsigned long *)sum += strlen(text);
    free(text);
    return NULL;
}

static unsigned long threads(void)
{
    pthread_t id[THREADS];
    unsigned long sums[THREADS] = {0}, sum = 0;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&id[i], NULL, job, &sums[i]) != 0)
            exit(5);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        sum += sums[i];
    }
    return sum;
}

static void clean(void)
{
    printf("threads: %lu\n", threads());
    printf("pages: %lu\n", pages(5000));
    (void)malloc_trim(0);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
    for (int i = 0; i < 3; i++) {
        fflush(stdout);
        pid_t child = fork();
        int status = -1;
        if (child == 0) {
            printf("child: %lu\n", grow(500) + by_other_names(500) + aligned(500));
            exit(i);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            exit(6);
        printf("child ended: %d\n", WEXITSTATUS(status));
    }
    printf("threads: %lu\n", threads());
}

/* ---- mistakes ---- */

static int *shared;

static void *count(void *arg)
{
    for (int i = 0; i < 20000; i++)
        ++*shared;
    return arg;
}

static void race(void)
{
    pthread_t id[2];
    shared = calloc(1, sizeof *shared);
    for (int i = 0; i < 2; i++)
        pthread_create(&id[i], NULL, count, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(id[i], NULL);
    free(shared);
}

static char *volatile hidden;

static void after_free(void)
{
    char *p = reallocarray(NULL, 10, 10);
    hidden = p;
    free(p);
    hidden[3] = 'x';
}

static void behind(void)
{
    hidden = reallocarray(NULL, 10, 10);
    hidden[100] = 'x';
    free(hidden);
}

static void uninitialised(void)
{
    hidden = malloc(100);
    if (hidden[50] == 'x')
        puts("an x");
    free(hidden);
}

static void leak(void)
{
    hidden = reallocarray(NULL, 10, 10);
    memset(hidden, 1, 100);
    hidden = NULL;
    unsigned char over[4096]; /* where the pointer may still lie */
    for (size_t i = 0; i < sizeof over; i++)
        ((volatile unsigned char *)over)[i] = 0;
}

/* Under valgrind's tools the C library's own ends the program. */
static void whole_pages(void)
{
    hidden = pvalloc(100);
    printf("%lu\n", use(hidden, 4096) + (uintptr_t)hidden % 4096);
    free(hidden);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *word;
        void (*act)(void);
    } words[] = {{"clean", clean},
                 {"race", race},
                 {"after-free", after_free},
                 {"behind", behind},
                 {"leak", leak},
                 {"uninitialised", uninitialised},
                 {"whole-pages", whole_pages}};
    for (size_t i = 0; argc == 2 && i < sizeof words / sizeof *words; i++) {
        if (strcmp(argv[1], words[i].word) == 0) {
            words[i].act();
            puts("end");
            return 0;
        }
    }
    return 2;
}
