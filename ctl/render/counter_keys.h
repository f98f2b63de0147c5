/*
 * counter_keys.h - names of counters that the tool means by name, checked against the tables when it is
 * compiled.
 */
#ifndef HAKMEM_CTL_RENDER_COUNTER_KEYS_H
#define HAKMEM_CTL_RENDER_COUNTER_KEYS_H

#include "shm/derive.h"

/* The JSON key of a stored counter of a process or a class, and of a derived figure. */
#define HK_KEY_PROCESS(name)       (&#name[0 * sizeof(((struct hk_process_row *)0)->name)])
#define HK_KEY_CLASS(name)         (&#name[0 * sizeof(((struct hk_class_row *)0)->name)])
#define HK_KEY_DERIVED(name)       (&#name[0 * sizeof(((struct hk_totals *)0)->name)])
#define HK_KEY_DERIVED_CLASS(name) (&#name[0 * sizeof(((struct hk_class_totals *)0)->name)])

#endif
