/*
 * descriptors.c - a program that closes what it did not open, and opens its own in its place.
 *
 * usage: descriptors     runs until its input ends
 *
 * As daemons do when they start. Whatever the library does later, no descriptor of the program's is closed,
 * replaced or joined by another.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"

#define FILES 20

static int fds[FILES];
static struct stat files[FILES];

static void close_all_from_three(void)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
}

static void open_own(void)
{
    for (unsigned i = 0; i < FILES; i++) {
        fds[i] = i % 2 ? memfd_create("own", 0) : dup(STDIN_FILENO);
        CHECK(fds[i] == 3 + (int)i, "descriptor %d, the %uth from 3", fds[i], i);
        CHECK(fstat(fds[i], &files[i]) == 0, "fstat");
    }
}

static void check_own(void)
{
    struct stat now;
    for (unsigned i = 0; i < FILES; i++) {
        CHECK(fstat(fds[i], &now) == 0, "descriptor %d was closed", fds[i]);
        CHECK(now.st_ino == files[i].st_ino && now.st_dev == files[i].st_dev, "descriptor %d is another",
              fds[i]);
    }
    for (int fd = 3 + FILES; fd < 1024; fd++)
        CHECK(fstat(fd, &now) != 0 && errno == EBADF, "descriptor %d was added", fd);
}

static void allocate(void)
{
    void *list[2000];
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++)
        CHECK((list[i] = malloc(100 + i)) != NULL, "no memory");
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++)
        free(list[i]);
}

int main(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    close_all_from_three();
    open_own();
    CHECK(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
    while (poll(&input, 1, 5) == 0) {
        allocate();
        check_own();
    }
    return 0;
}
