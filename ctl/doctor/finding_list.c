/* finding_list.c - see finding_list.h. */
#include "ctl/doctor/finding_list.h"

#include <stdarg.h>
#include <stdlib.h>

#include "ctl/base/alloc_or_exit.h"

const struct hk_finding_info hk_findings[HK_FINDINGS] = {
#define HK_FINDING(id, name, weight, advice) {name, HK_WEIGHT_##weight, advice},
#include "ctl/doctor/findings.def"
};

void hk_finding_list_init(struct hk_finding_list *list)
{
    list->faults = hk_need(cJSON_CreateArray());
    list->notes = hk_need(cJSON_CreateArray());
}

void hk_finding_list_free(struct hk_finding_list *list)
{
    cJSON_Delete(list->faults);
    cJSON_Delete(list->notes);
    *list = (struct hk_finding_list){0};
}

void hk_finding_add(struct hk_finding_list *list, enum hk_finding_id id, double pid, const char *comm,
                    const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *seen = hk_format(format, values);
    va_end(values);
    cJSON *finding = hk_need(cJSON_CreateObject());
    hk_need(cJSON_AddStringToObject(finding, "finding", hk_findings[id].name));
    hk_need(pid > 0 ? cJSON_AddNumberToObject(finding, "pid", pid) : cJSON_AddNullToObject(finding, "pid"));
    hk_need(comm ? cJSON_AddStringToObject(finding, "comm", comm) : cJSON_AddNullToObject(finding, "comm"));
    hk_need(cJSON_AddStringToObject(finding, "seen", seen));
    hk_need(cJSON_AddStringToObject(finding, "advice", hk_findings[id].advice));
    cJSON_AddItemToArray(hk_findings[id].weight == HK_WEIGHT_NOTE ? list->notes : list->faults, finding);
    free(seen);
}
