/*
 * trace.h - HAKMEM_TRACE=route: which way each of the first calls took, a line each, for those who work on
 * the allocator.
 *
 * While there is something to tell, calls are kept off the hot path (lib/harden/intercept.h), one at a time;
 * what would have been a hit there is told as one. What a call did shows in the totals before and after it,
 * so nothing else of the allocator knows of this file.
 */
#ifndef HAKMEM_LIB_HARDEN_TRACE_H
#define HAKMEM_LIB_HARDEN_TRACE_H

#include <stdbool.h>

#include "lib/harden/intercept.h"

/* Reads HAKMEM_TRACE ("route" or "route:CALLS"), and where to (NULL: stderr); what is wrong is told on
 * stderr. Returns whether anything is to be traced. */
bool hk_route_read(const char *trace, const char *file);

/* Does what the call is for, and tells which way it went. Any thread. */
void hk_route(struct hk_call *call);

void hk_route_after_fork(void);

#endif
