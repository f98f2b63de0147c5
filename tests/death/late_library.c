/* late_library.c - see late_library.h. */
#include "tests/death/late_library.h"

#include <stdlib.h>

static void *kept[1000];
static unsigned count;

void late_library_keep(unsigned blocks)
{
    for (; count < blocks && count < sizeof kept / sizeof *kept; count++)
        kept[count] = malloc(count + 1);
}

__attribute__((destructor)) static void finish(void)
{
    while (count > 0)
        free(kept[--count]);
}
