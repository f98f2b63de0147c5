/* describe.c - see describe.h. */
#include "lib/entry/describe.h"

#include "lib/arena/slab.h"
#include "lib/arena/superslab_state.h"
#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/base/tuned_values.h"
#include "lib/harden/block_table.h"
#include "lib/harden/harden_options.h"
#include "lib/harden/intercept.h"
#include "lib/harden/quarantine.h"
#include "lib/heap/heap.h"
#include "shm/schema.h"

#define NUMBER(name_, value_)                                                                                \
    {                                                                                                        \
        .name = (name_), .value = (uint64_t)(value_)                                                         \
    }
#define OFFSET(name_, type, of) NUMBER(name_ "." #of, offsetof(type, of))

static const struct hk_described_number numbers[] = {
    /* geometry */
    NUMBER("slab bytes", HK_SLAB_BYTES),
    NUMBER("superslab bytes", HK_SUPERSLAB_BYTES),
    NUMBER("superslabs in group", HK_SUPERSLABS_PER_GROUP),
    NUMBER("meta below", HK_META_BELOW),
    NUMBER("places below", HK_PLACES_BELOW),
    NUMBER("heaps below", HK_HEAPS_BELOW),
    NUMBER("heap stride", HK_HEAP_STRIDE),
    NUMBER("heap offset", HK_HEAP_OFFSET),
    NUMBER("heap bytes", sizeof(struct hk_heap)),
    NUMBER("group stride", HK_GROUP_STRIDE),
    NUMBER("short map blocks", HK_SHORT_MAP_BLOCKS),
    NUMBER("long map bytes", sizeof(struct hk_long_map)),
    /* size classes */
    NUMBER("classes", HK_CLASSES),
    NUMBER("class bytes", sizeof(struct hk_class_info)),
    OFFSET("class", struct hk_class_info, bytes),
    OFFSET("class", struct hk_class_info, capacity),
    /* the arena */
    OFFSET("arena", struct hk_arena, base),
    OFFSET("arena", struct hk_arena, slabs),
    OFFSET("group", struct hk_group, states),
    OFFSET("group", struct hk_group, superslabs),
    OFFSET("group", struct hk_group, maps),
    NUMBER("superslab record bytes", sizeof(struct hk_superslab)),
    OFFSET("superslab", struct hk_superslab, free),
    OFFSET("superslab", struct hk_superslab, resident),
    OFFSET("superslab", struct hk_superslab, slabs),
    NUMBER("superslab open", HK_SUPERSLAB_OPEN),
    NUMBER("superslab huge", HK_SUPERSLAB_HUGE),
    NUMBER("slab record bytes", sizeof(struct hk_slab)),
    OFFSET("slab", struct hk_slab, word),
    OFFSET("slab", struct hk_slab, kind),
    OFFSET("slab", struct hk_slab, free_map),
    OFFSET("slab", struct hk_slab, span),
    OFFSET("slab", struct hk_slab, bytes),
    OFFSET("slab", struct hk_slab, mapped),
    NUMBER("slab small", HK_SLAB_SMALL),
    NUMBER("slab big", HK_SLAB_BIG),
    NUMBER("slab huge", HK_SLAB_HUGE),
    NUMBER("word live", HK_SLAB_LIVE),
    NUMBER("word owned", HK_SLAB_OWNED),
    NUMBER("word class shift", HK_SLAB_CLASS_SHIFT),
    NUMBER("word class mask", HK_SLAB_CLASS_MASK),
    NUMBER("word owner shift", HK_SLAB_OWNER_SHIFT),
    NUMBER("word owner mask", HK_SLAB_OWNER_MASK),
    NUMBER("word out mask", HK_SLAB_OUT_MASK),
    /* heaps */
    OFFSET("heap", struct hk_heap, bins),
    OFFSET("heap", struct hk_heap, id),
    OFFSET("heap", struct hk_heap, classes),
    NUMBER("heap class bytes", sizeof(struct hk_heap_class)),
    OFFSET("heap class", struct hk_heap_class, state),
    OFFSET("heap class", struct hk_heap_class, totals),
    NUMBER("bin bytes", sizeof(struct hk_bin)),
    OFFSET("bin", struct hk_bin, top),
    OFFSET("bin", struct hk_bin, room),
    OFFSET("bin state", struct hk_bin_state, bottom),
    OFFSET("bin state", struct hk_bin_state, capacity),
    OFFSET("bin state", struct hk_bin_state, given),
    OFFSET("bin state", struct hk_bin_state, listed),
    OFFSET("bin state", struct hk_bin_state, limit),
    NUMBER("heap live", HK_HEAP_LIVE),
    NUMBER("heap pooled", HK_HEAP_POOLED),
    NUMBER("heap lost", HK_HEAP_LOST),
    NUMBER("heap shared", HK_HEAP_SHARED),
    /* totals and tunables */
    NUMBER("counter info bytes", sizeof(struct hk_counter_info)),
    OFFSET("counter info", struct hk_counter_info, name),
    OFFSET("counter info", struct hk_counter_info, offset),
    NUMBER("class counters", HK_CLASS_COUNTERS),
    NUMBER("process counters", HK_PROCESS_COUNTERS),
    NUMBER("tunables", HK_TUNABLES),
    NUMBER("tunable info bytes", sizeof(struct hk_tunable_info)),
    OFFSET("tunable info", struct hk_tunable_info, name),
    OFFSET("tunable info", struct hk_tunable_info, choices),
    OFFSET("tunable info", struct hk_tunable_info, unit),
    OFFSET("tunable info", struct hk_tunable_info, dflt),
    NUMBER("unit bytes", HK_UNIT_BYTES),
    NUMBER("bin params bytes", sizeof(struct hk_bin_params)),
    OFFSET("bin params", struct hk_bin_params, batch),
    OFFSET("bin params", struct hk_bin_params, cap),
    /* checked calls */
    NUMBER("harden sized", HK_HARDEN_SIZED),
    NUMBER("harden canary", HK_HARDEN_CANARY),
    NUMBER("harden guard", HK_HARDEN_GUARD),
    NUMBER("harden zero", HK_HARDEN_ZERO),
    NUMBER("harden random", HK_HARDEN_RANDOM),
    NUMBER("harden quarantine", HK_HARDEN_QUARANTINE),
    NUMBER("harden all", HK_HARDEN_ALL),
    NUMBER("side bytes", sizeof(union hk_side)),
    NUMBER("side held", HK_SIDE_HELD),
    NUMBER("side freed", HK_SIDE_FREED),
    NUMBER("side live", HK_SIDE_LIVE),
    OFFSET("side big", struct hk_side_big, state),
    OFFSET("side big", struct hk_side_big, asked),
    OFFSET("side big", struct hk_side_big, at),
    OFFSET("side big", struct hk_side_big, is_small),
};

/* From a thread's pointer to the word that says which heap is its; 0: not known yet. */
static intptr_t own_heap_from_thread HK_EARLY;

static const struct hk_described_place places[] = {
    {"arena", &hk_arena},
    {"classes", hk_classes},
    {"heap states", hk_heap_states},
    {"heap count", &hk_heaps_made},
    {"own heap from thread", &own_heap_from_thread},
    {"process", &hk_process},
    {"process counters", hk_process_counters},
    {"class counters", hk_class_counters},
    {"inherited", hk_inherited},
    {"params", hk_params},
    {"tunables", hk_tunables},
    {"bin params", hk_bin_params},
    {"diversions", &hk_diversions},
    {"side tables", &hk_side_tables},
};

HK_EXPORT const struct hk_description hakmem_description = {
    .magic = HK_DESCRIPTION_MAGIC,
    .format = HK_DESCRIPTION_FORMAT,
    .bytes = sizeof hakmem_description,
    .number_count = HK_COUNT_OF(numbers),
    .number_bytes = sizeof numbers[0],
    .place_count = HK_COUNT_OF(places),
    .place_bytes = sizeof places[0],
    .version = HAKMEM_VERSION,
    .numbers = numbers,
    .places = places,
};

void hk_describe_begin(void)
{
    own_heap_from_thread = hk_heap_from_thread();
}
