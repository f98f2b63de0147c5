/*
 * pairs.c - N pairs of malloc and free of one size, for callgrind to count.
 *
 * usage: pairs SIZE N
 *
 * All of them hit the bin, but for the first.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
    unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    for (unsigned long i = 0; i < n; i++) {
        void *p = malloc(size);
        __asm__ volatile("" : "+r"(p)); /* the compiler must not see that nothing comes of it */
        free(p);
    }
    return 0;
}
