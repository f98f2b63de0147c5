/*
 * hostile.h - what a process can do to a daemon, for tests that it does not matter.
 */
#ifndef HAKMEM_TESTS_TOOLS_HOSTILE_H
#define HAKMEM_TESTS_TOOLS_HOSTILE_H

/* Does what kind names to the daemon in dir, prints "ok" when it is done, and, for those that stay, waits
 * for the end of stdin. Returns the exit status. "list" prints the kinds. */
int hostile_run(const char *kind, const char *dir);

#endif
