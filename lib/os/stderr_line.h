/*
 * stderr_line.h - the library's only voice: one line on stderr, for what somebody asked for or a program's
 * end.
 */
#ifndef HAKMEM_LIB_OS_STDERR_LINE_H
#define HAKMEM_LIB_OS_STDERR_LINE_H

/* "hakmem: LINE\n", in one write. Allocates nothing, keeps errno. */
void hk_report(const char *line);

#endif
