/*
 * tunable_table.h - a process's tunables as a table.
 */
#ifndef HAKMEM_CTL_RENDER_TUNABLE_TABLE_H
#define HAKMEM_CTL_RENDER_TUNABLE_TABLE_H

#include "ctl/render/output.h"

/* process: an object of tune.get. names: only these (NAME_COUNT of them; 0: all); changed: only those that
 * are not the library's own defaults. Says so where there is none to show. */
void hk_tunable_table_show(const struct hk_output *out, const cJSON *process, const char *const *names,
                           size_t name_count, bool changed);

/* Whether a tunable of tune.get is something else than its default. */
bool hk_tunable_is_changed(const cJSON *tunable);

#endif
