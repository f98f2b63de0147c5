/* early.c - a library whose constructor runs as early as one can, and allocates. */
#include <stdlib.h>
#include <string.h>

extern void *made_early;
__attribute__((visibility("default"))) void *made_early;

__attribute__((constructor(101))) static void make(void)
{
    made_early = malloc(100);
    if (made_early != NULL)
        memcpy(made_early, "early", 6);
}
