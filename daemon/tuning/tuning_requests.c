/* tuning_requests.c - see tuning_requests.h. */
#include "daemon/tuning/tuning_requests.h"

#include <string.h>

#include "daemon/base/clock.h"

/* A generation beyond this was not counted up to; what comes with it is not believed. */
#define GENERATION_MAX (UINT64_C(1) << 53)

unsigned hk_steer_source(unsigned steer)
{
    static const uint8_t sources[HK_STEERS] = {HK_SOURCE_POLICY, HK_SOURCE_AUTOTUNE, HK_SOURCE_OPERATOR};
    return sources[steer];
}

void hk_tune_set(struct hk_tune_table *table, unsigned index, unsigned steer, uint64_t value,
                 uint64_t expires_ns)
{
    table->wishes[index][steer] = (struct hk_wish){.value = value, .expires_ns = expires_ns, .set = true};
    if (expires_ns != 0 && (table->soonest_ns == 0 || expires_ns < table->soonest_ns))
        table->soonest_ns = expires_ns;
}

bool hk_tune_clear(struct hk_tune_table *table, unsigned index, unsigned steer)
{
    bool was = table->wishes[index][steer].set;
    table->wishes[index][steer] = (struct hk_wish){0};
    return was;
}

void hk_tune_copy(struct hk_tune_table *to, const struct hk_tune_table *from, unsigned steer)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_wish *wish = &from->wishes[i][steer];
        if (wish->set)
            hk_tune_set(to, i, steer, wish->value, wish->expires_ns);
        else
            hk_tune_clear(to, i, steer);
    }
}

int hk_tune_winner(const struct hk_tune_table *table, unsigned index)
{
    for (int steer = HK_STEERS - 1; steer >= 0; steer--) {
        if (table->wishes[index][steer].set)
            return steer;
    }
    return -1;
}

bool hk_tune_lapse(struct hk_tune_table *table, uint64_t now_ns)
{
    bool any = false;
    uint64_t soonest = 0;
    if (table->soonest_ns == 0 || table->soonest_ns > now_ns)
        return false;
    for (unsigned i = 0; i < HK_VALUES; i++) {
        for (unsigned s = 0; s < HK_STEERS; s++) {
            const struct hk_wish *wish = &table->wishes[i][s];
            if (!wish->set || wish->expires_ns == 0)
                continue;
            if (wish->expires_ns <= now_ns)
                any |= hk_tune_clear(table, i, s);
            else if (soonest == 0 || wish->expires_ns < soonest)
                soonest = wish->expires_ns;
        }
    }
    table->soonest_ns = soonest;
    return any;
}

uint32_t hk_wish_remaining_s(const struct hk_wish *wish, uint64_t now_ns)
{
    if (wish->expires_ns == 0)
        return 0;
    if (wish->expires_ns <= now_ns)
        return 1;
    uint64_t s = (wish->expires_ns - now_ns + HK_NS_PER_S - 1) / HK_NS_PER_S;
    return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

void hk_tune_fill(const struct hk_tune_table *table, const struct hk_reader *reader, uint64_t now_ns,
                  struct hk_tuning_copy *out)
{
    memset(out->values, 0, sizeof out->values);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        int steer = hk_tune_winner(table, i);
        uint32_t at = steer >= 0 ? hk_reader_value_index(reader, i) : UINT32_MAX;
        if (at >= HK_VALUES)
            continue;
        const struct hk_wish *wish = &table->wishes[i][steer];
        out->values[at] = (struct hk_tuning_value){
            .value = wish->value,
            .life_s = hk_wish_remaining_s(wish, now_ns),
            .source = (uint16_t)hk_steer_source((unsigned)steer),
            .set = true,
        };
    }
}

static void adopt(struct hk_tune_table *table, unsigned index, uint64_t value, uint32_t life_s,
                  uint64_t now_ns)
{
    const struct hk_tunable_info *info = hk_value_info(index);
    if (value < info->min || value > info->max)
        return;
    hk_tune_set(table, index, HK_STEER_OPERATOR, value, life_s ? now_ns + life_s * HK_NS_PER_S : 0);
}

void hk_tune_adopt_page(struct hk_tune_table *table, const struct hk_reader *reader,
                        const struct hk_tuning_copy *copy, uint64_t now_ns)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        uint32_t at = hk_reader_value_index(reader, i);
        if (at < HK_VALUES && copy->values[at].set && copy->values[at].source == HK_SOURCE_OPERATOR)
            adopt(table, i, copy->values[at].value, copy->values[at].life_s, now_ns);
    }
}

void hk_tune_adopt_applied(struct hk_tune_table *table, const struct hk_area_view *area, uint64_t now_ns)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_applied_view *a = &area->applied[i];
        bool was_taken = a->verdict == HK_VERDICT_APPLIED || a->verdict == HK_VERDICT_CLAMPED ||
                         a->verdict == HK_VERDICT_LAPSED;
        if (was_taken && a->source == HK_SOURCE_OPERATOR && a->generation > 0 &&
            a->generation <= GENERATION_MAX)
            adopt(table, i, a->value, a->life_s, now_ns);
    }
}
