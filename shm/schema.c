/* schema.c - see schema.h; the tables expanded. */
#include "shm/schema.h"

#include <string.h>

#include "shm/text.h"

#define INFO(row, scope_, name_, kind_, unit_, help_)                                                        \
    {.name = #name_,                                                                                         \
     .help = (help_),                                                                                        \
     .scope = (scope_),                                                                                      \
     .kind = HK_KIND_##kind_,                                                                                \
     .unit = HK_UNIT_##unit_,                                                                                \
     .derived = false,                                                                                       \
     .offset = offsetof(row, name_)},

#define CLASS_INFO(name, kind, unit, help) INFO(struct hk_class_row, HK_SCOPE_CLASS, name, kind, unit, help)
#define HEAP_INFO(name, kind, unit, help)  INFO(struct hk_heap_row, HK_SCOPE_HEAP, name, kind, unit, help)
#define PROCESS_INFO(name, kind, unit, help)                                                                 \
    INFO(struct hk_process_row, HK_SCOPE_PROCESS, name, kind, unit, help)
#define DERIVED_INFO(scope_, name_, kind_, unit_, help_)                                                     \
    {.name = #name_,                                                                                         \
     .help = (help_),                                                                                        \
     .scope = HK_SCOPE_##scope_,                                                                             \
     .kind = HK_KIND_##kind_,                                                                                \
     .unit = HK_UNIT_##unit_,                                                                                \
     .derived = true,                                                                                        \
     .offset = 0},

const struct hk_counter_info hk_class_counters[HK_CLASS_COUNTERS] = {
#define HK_CLASS_COUNTER CLASS_INFO
#include "shm/counters.def"
};

const struct hk_counter_info hk_heap_counters[HK_HEAP_COUNTERS] = {
#define HK_HEAP_COUNTER HEAP_INFO
#include "shm/counters.def"
};

const struct hk_counter_info hk_process_counters[HK_PROCESS_COUNTERS] = {
#define HK_PROCESS_COUNTER PROCESS_INFO
#include "shm/counters.def"
};

const struct hk_counter_info hk_derived_counters[] = {
#define HK_DERIVED DERIVED_INFO
#include "shm/counters.def"
};
const unsigned hk_derived_counter_count = HK_COUNT_OF(hk_derived_counters);

#define TUNABLE_INFO(name_, type_, unit_, min_, max_, dflt_, effect_, choices_, help_)                       \
    {.name = #name_,                                                                                         \
     .help = (help_),                                                                                        \
     .choices = (choices_),                                                                                  \
     .type = HK_TYPE_##type_,                                                                                \
     .unit = HK_UNIT_##unit_,                                                                                \
     .effect = HK_EFFECT_##effect_,                                                                          \
     .min = (min_),                                                                                          \
     .max = (max_),                                                                                          \
     .dflt = (dflt_)},

const struct hk_tunable_info hk_tunables[HK_TUNABLES] = {
#define HK_TUNABLE TUNABLE_INFO
#include "shm/tunables.def"
};

#define PER_CLASS_INFO(name_, unit_, min_, max_, effect_, help_)                                             \
    TUNABLE_INFO(name_, UINT, unit_, min_, max_, 0, effect_, "", help_)

const struct hk_tunable_info hk_class_tunables[HK_CLASS_TUNABLES] = {
#define HK_TUNABLE_PER_CLASS PER_CLASS_INFO
#include "shm/tunables.def"
};

#define CHECK_NAME(name, ...)                                                                                \
    HK_STATIC_ASSERT(sizeof(#name) <= HK_NAME_BYTES, "a name must fit its descriptor");
#define CHECK_DERIVED(scope, name, ...) CHECK_NAME(name)
#define CHECK_TUNABLE(name, type, unit, min, max, dflt, effect, choices, help)                               \
    CHECK_NAME(name)                                                                                         \
    HK_STATIC_ASSERT((dflt) >= (min) && (dflt) <= (max), "a default must be in its own range");              \
    HK_STATIC_ASSERT(sizeof(choices) <= HK_CHOICES_BYTES, "choices must fit their descriptor");
#define HK_CLASS_COUNTER   CHECK_NAME
#define HK_HEAP_COUNTER    CHECK_NAME
#define HK_PROCESS_COUNTER CHECK_NAME
#define HK_DERIVED         CHECK_DERIVED
#include "shm/counters.def"
#define HK_TUNABLE           CHECK_TUNABLE
#define HK_TUNABLE_PER_CLASS CHECK_NAME
#include "shm/tunables.def"

const struct hk_tunable_info *hk_value_info(unsigned value_index)
{
    if (value_index < HK_TUNABLES)
        return &hk_tunables[value_index];
    return &hk_class_tunables[(value_index - HK_TUNABLES) / HK_MAX_CLASSES];
}

static struct hk_desc *describe_counters(struct hk_desc *out, const struct hk_counter_info *info, unsigned n)
{
    for (unsigned i = 0; i < n; i++, out++) {
        memset(out, 0, sizeof *out);
        hk_text_field(out->name, sizeof out->name, info[i].name, strlen(info[i].name));
        out->scope = info[i].scope;
        out->kind = info[i].kind;
        out->unit = info[i].unit;
        out->type = HK_TYPE_UINT;
        out->offset = info[i].offset;
    }
    return out;
}

static void describe_tunable(struct hk_desc *out, const struct hk_tunable_info *info, uint8_t scope,
                             uint32_t index)
{
    memset(out, 0, sizeof *out);
    hk_text_field(out->name, sizeof out->name, info->name, strlen(info->name));
    hk_text_field(out->choices, sizeof out->choices, info->choices, strlen(info->choices));
    out->scope = scope;
    out->kind = HK_KIND_TUNABLE;
    out->unit = info->unit;
    out->type = info->type;
    out->effect = info->effect;
    out->offset = index;
    out->min = info->min;
    out->max = info->max;
    out->dflt = info->dflt;
}

void hk_schema_descriptors(struct hk_desc out[HK_DESCRIPTORS])
{
    out = describe_counters(out, hk_class_counters, HK_CLASS_COUNTERS);
    out = describe_counters(out, hk_heap_counters, HK_HEAP_COUNTERS);
    out = describe_counters(out, hk_process_counters, HK_PROCESS_COUNTERS);
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        describe_tunable(out++, &hk_tunables[i], HK_SCOPE_TUNABLE, i);
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        describe_tunable(out++, &hk_class_tunables[i], HK_SCOPE_TUNABLE_PER_CLASS,
                         hk_class_value_index(i, 0));
}

#define NAME_OF(names, i) ((i) < HK_COUNT_OF(names) && (names)[i] ? (names)[i] : "?")

const char *hk_unit_name(unsigned unit)
{
    static const char *const names[] = {"none",  "events", "blocks",  "bytes",       "nanoseconds",
                                        "items", "number", "percent", "milliseconds"};
    return NAME_OF(names, unit);
}

const char *hk_kind_name(unsigned kind)
{
    static const char *const names[] = {NULL, "counter", "gauge", "tunable"};
    return NAME_OF(names, kind);
}

const char *hk_source_name(unsigned source)
{
    static const char *const names[HK_SOURCES] = {"default", "file",     "environment", "program",
                                                  "policy",  "autotune", "operator"};
    return NAME_OF(names, source);
}

const char *hk_verdict_name(unsigned verdict)
{
    static const char *const names[HK_VERDICTS] = {"none",    "applied", "clamped",
                                                   "unknown", "lapsed",  "fixed"};
    return NAME_OF(names, verdict);
}
