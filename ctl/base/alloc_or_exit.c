/* alloc_or_exit.c - see alloc_or_exit.h. */
#include "ctl/base/alloc_or_exit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *hk_need(void *pointer)
{
    static const char message[] = "hakmemctl: out of memory\n";
    if (pointer)
        return pointer;
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    _exit(1);
}

char *hk_format(const char *format, va_list values)
{
    char *text = NULL;
    if (vasprintf(&text, format, values) < 0)
        text = NULL;
    return hk_need(text);
}

void *hk_grow(void *array, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 8;
    return hk_need(reallocarray(array, *capacity, element_bytes));
}
