/*
 * hakmem_api.h - hakmem.h as a program sees it that must also run without hakmem: every function is weak.
 */
#ifndef HAKMEM_TESTS_SUPPORT_HAKMEM_API_H
#define HAKMEM_TESTS_SUPPORT_HAKMEM_API_H

#include "lib/include/hakmem.h"

#pragma weak hakmem_version
#pragma weak hakmem_snapshot
#pragma weak hakmem_tune
#pragma weak hakmem_label
#pragma weak hakmem_trim
#pragma weak hakmem_thread_idle

#endif
