/*
 * probe.c - libbenchprobe.so: preloaded before an allocator into a program that is not ours, it writes
 * down who serves malloc there. (It defines none of malloc's names; what comes first is started last, when
 * the allocator is ready.)
 *
 * The answer, one line (the path, or what contradicts the proof), goes to the file that BENCH_PROBE
 * names. It runs once, before main.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/allocator.h"

__attribute__((constructor)) static void write_allocator(void)
{
    const char *file = getenv("BENCH_PROBE");
    struct allocator allocator;
    if (!file)
        return;
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    allocator_find(&allocator);
    const char *line = allocator.flaw ? allocator.flaw : allocator.path;
    if (write(fd, line, strlen(line)) >= 0)
        (void)!write(fd, "\n", 1);
    close(fd);
    unsetenv("BENCH_PROBE"); /* its children are their own business */
}
