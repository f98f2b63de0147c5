/* back.c - a plugin that frees and resizes what it is given. */
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void give_back(void *p);
EXPORT void *enlarge(void *p, size_t size);

void give_back(void *p)
{
    free(p);
}

void *enlarge(void *p, size_t size)
{
    return realloc(p, size);
}
