/*
 * hello.h - finding a daemon and handing it a segment's descriptors.
 *
 * Never blocks, opens nothing that it does not close again, prints nothing.
 */
#ifndef HAKMEM_LIB_PUBLISH_HELLO_H
#define HAKMEM_LIB_PUBLISH_HELLO_H

#include <stdbool.h>

#include "lib/publish/segment.h"

/* Finds out, before main, where a daemon would listen. */
void hk_hello_init(bool trust_env);

/* Finds out, before main, what the process is called, where a daemon may ever be told. */
void hk_hello_name(void);

/* Whether a daemon's socket is there. */
bool hk_hello_expected(void);

/* Connects to a daemon that root, the service's user or the process's own user runs. The descriptor, -1 if
 * there is none. late: other threads may be closing descriptors. */
int hk_hello_connect(bool late);

/* Sends the segment; 0 or -errno. flags: enum hk_hello_flag. */
int hk_hello_send(int fd, const struct hk_segment_fds *fds, uint32_t pid, uint32_t root_pid, unsigned flags,
                  const char *label);

void hk_hello_close(int fd, bool late);

/* Nanoseconds to wait for the next hello, after a wait of interval: a look for a socket costs little; a
 * daemon that is there (greeted) but does not stir may be stopped, and is left in peace for longer. */
uint64_t hk_hello_next_wait(uint64_t interval, bool greeted);

/* The process as the kernel names it. */
uint32_t hk_hello_pid(void);
const char *hk_hello_comm(void);

#endif
