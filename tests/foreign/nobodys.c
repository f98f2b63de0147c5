/*
 * nobodys.c - what is nobody's block ends the program with a line that names it, whatever the pointer leads
 * to.
 *
 * Each pointer is given to free, realloc and malloc_usable_size, in a child of its own: SIGABRT and our line
 * are the only good end.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/foreign/family.h"
#include "tests/lib/blocks.h"
#include "tests/support/check.h"

extern void *__libc_malloc(size_t size);

static const char a_constant[64] __attribute__((aligned(16))) = "constant";
static char initialised[64] __attribute__((aligned(16))) = "data";
static char zeroed[8192] __attribute__((aligned(16)));
static __thread char of_a_thread[64] __attribute__((aligned(16)));

static size_t page;
static unsigned pointers_tried;

static void call_free(void *p)
{
    free(check_hidden_pointer(p));
}

static void call_realloc(void *p)
{
    free(realloc(check_hidden_pointer(p), 100));
}

static void call_usable(void *p)
{
    (void)malloc_usable_size(check_hidden_pointer(p));
}

static void try_one(const char *what, const void *p)
{
    static const struct {
        const char *name;
        void (*run)(void *p);
    } calls[] = {{"free", call_free}, {"realloc", call_realloc}, {"malloc_usable_size", call_usable}};
    char said[600], expected[64];
    for (unsigned i = 0; i < HK_COUNT_OF(calls); i++) {
        int status = family_in_child(calls[i].run, (void *)(uintptr_t)p, said, sizeof said);
        (void)snprintf(expected, sizeof expected, "hakmem: %s(%#lx): ", calls[i].name,
                       (unsigned long)(uintptr_t)p);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s, %s(%p): status %#x, %s", what,
              calls[i].name, p, status, said);
        CHECK(strncmp(said, expected, strlen(expected)) == 0, "%s, %p: %s", what, p, said);
    }
    pointers_tried++;
}

/* The bytes around it too: the words in front of a pointer are read. */
static void try_around(const char *what, const void *p)
{
    static const int offsets[] = {0, 8, 16, 1, -16};
    for (unsigned i = 0; i < HK_COUNT_OF(offsets); i++)
        try_one(what, (const char *)p + offsets[i]);
}

static char *map(size_t pages, int protection)
{
    char *p = mmap(NULL, pages * page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED, "mmap");
    return p;
}

static void numbers(void)
{
    try_one("near zero", (void *)16);
    try_one("the first page's end", (void *)(page - 16));
    try_one("low", (void *)0x123450);
    try_one("a number", (void *)(uintptr_t)0x4141414141414140);
    try_one("not canonical", (void *)((uintptr_t)1 << 56));
    try_one("beyond 47 bits", (void *)((uintptr_t)1 << 47));
    try_one("the kernel's", (void *)((uintptr_t)0xffff888 << 36));
    try_one("the vsyscall page", (void *)(uintptr_t)0xffffffffff600000);
    try_one("the last", (void *)(uintptr_t)-16);
    try_one("-1", (void *)(uintptr_t)-1);
}

static void mappings(void)
{
    char *p = map(5, PROT_READ | PROT_WRITE);
    CHECK(mprotect(p + page, page, PROT_NONE) == 0 && munmap(p + 3 * page, page) == 0, "mprotect");
    try_around("a mapping", p + 16);
    try_one("before a guard page", p + page - 16);
    try_around("a guard page", p + page);
    try_one("behind a guard page", p + 2 * page);
    try_one("before a hole", p + 3 * page - 16);
    try_around("a hole", p + 3 * page + 64);
    try_one("behind a hole", p + 4 * page);
    CHECK(munmap(p, 5 * page) == 0, "munmap");
}

/* Mapped, and not there. */
static void beyond_a_file(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    off_t bytes = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    CHECK(bytes > 0, "no program");
    size_t whole = ((size_t)bytes + page - 1) & ~(page - 1);
    char *p = mmap(NULL, whole + 2 * page, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED, "mmap");
    try_around("beyond a file", p + whole + 64);
    try_one("a file's start", p);
    try_around("in a file", p + 64);
    (void)munmap(p, whole + 2 * page);
    (void)close(fd);
}

static void of_the_program(void)
{
    char local[64] __attribute__((aligned(16))) = "stack";
    try_around("code", (const void *)((uintptr_t)of_the_program & ~(uintptr_t)15));
    try_around("code of a library", (const void *)((uintptr_t)getauxval & ~(uintptr_t)15));
    try_around("a constant", a_constant);
    try_around("data", initialised);
    try_around("zeros", zeroed + 4096);
    try_around("the stack", local);
    try_around("a thread's own", of_a_thread);
    try_around("the vdso", (const void *)(getauxval(AT_SYSINFO_EHDR) + 64));
    try_around("the arguments", (const void *)(getauxval(AT_RANDOM) & ~(uintptr_t)15));
    try_one("behind the break", (char *)sbrk(0) + 64);
}

/* Whatever the program has written there. */
static void inside_blocks_of_libc(void)
{
    static const size_t sizes[] = {200, 5000, 100000, 1000000};
    static const unsigned char fillings[] = {0, 1, 0x41, 0xff};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes) * HK_COUNT_OF(fillings); i++) {
        size_t size = sizes[i % HK_COUNT_OF(sizes)];
        char *p = __libc_malloc(size);
        CHECK(p != NULL, "no block");
        memset(p, fillings[i / HK_COUNT_OF(sizes)], size);
        try_one("inside a block of the C library's", p + 32);
        try_one("inside a block of the C library's", p + 100);
        try_one("inside a block of the C library's", p + size / 2);
        free(p);
    }
}

static void *in_thread(void *arg)
{
    char local[64] __attribute__((aligned(16))) = "stack";
    try_around("a thread's stack", local);
    try_around("a thread's own", of_a_thread);
    inside_blocks_of_libc();
    return arg;
}

int main(void)
{
    pthread_t thread;
    page = (size_t)sysconf(_SC_PAGESIZE);
    numbers();
    mappings();
    beyond_a_file();
    of_the_program();
    inside_blocks_of_libc();
    CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0, "no thread");
    pthread_join(thread, NULL);
    printf("counted: misuse %u\n", 3 * pointers_tried);
    return 0;
}
