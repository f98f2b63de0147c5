/* plan.c - see plan.h. */
#include "tests/faults/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static const char *const names[] = {
    [PLAN_NONE] = "none", [PLAN_ONE] = "one", [PLAN_MEMORY] = "memory", [PLAN_ALL] = "all"};

bool plan_parse(const char *text, struct plan *plan)
{
    memset(plan, 0, sizeof *plan);
    size_t len = strcspn(text, ":");
    for (unsigned w = 0; w < HK_COUNT_OF(names); w++) {
        if (strlen(names[w]) == len && memcmp(names[w], text, len) == 0)
            plan->what = (enum plan_what)w;
    }
    if (strcmp(text, names[PLAN_NONE]) == 0)
        return true;
    return plan->what != PLAN_NONE &&
           sscanf(text + len, ":%u:%u:%u", &plan->first, &plan->error, &plan->length) >= 1;
}

void plan_print(const struct plan *plan, char *text, size_t size)
{
    snprintf(text, size, "%s:%u:%u:%u", names[plan->what], plan->first, plan->error, plan->length);
}

static unsigned count_errors(const struct inject_call *call)
{
    unsigned n = 0;
    while (n < INJECT_ERRORS && call->errors[n] != 0)
        n++;
    return n;
}

static bool is_within(const struct plan *plan, unsigned number)
{
    if (plan->what == PLAN_ONE)
        return number == plan->first;
    return number >= plan->first && (plan->length == 0 || number - plan->first < plan->length);
}

int plan_error(const struct plan *plan, unsigned number, const struct inject_call *call)
{
    if (plan->what == PLAN_NONE || !is_within(plan, number))
        return 0;
    if (plan->what == PLAN_MEMORY)
        return call->wants_memory ? ENOMEM : 0;
    return call->errors[plan->error % count_errors(call)];
}

int plan_next(struct plan_run *run, const struct inject_call *call, const struct inject_call **seen,
              unsigned most)
{
    if (run->back)
        return 0;
    if (run->plan.what == PLAN_NONE && run->calls < most)
        seen[run->calls] = call;
    int error = plan_error(&run->plan, ++run->calls, call);
    run->failed += error != 0;
    return error;
}

void plan_marked(void *arg, unsigned number)
{
    (void)number;
    ((struct plan_run *)arg)->back = true;
}

struct plan *plan_all(const struct inject_call *const *calls, unsigned n, unsigned *count)
{
    static const unsigned lengths[] = {2, 5, 30, 0};
    const unsigned most = INJECT_ERRORS + 1 + HK_COUNT_OF(lengths);
    struct plan *plans = calloc((size_t)n * most, sizeof *plans);
    CHECK(plans != NULL, "no memory for the plans");
    *count = 0;
    for (unsigned i = 0; i < n; i++) {
        for (unsigned e = 0; e < count_errors(calls[i]); e++)
            plans[(*count)++] = (struct plan){.what = PLAN_ONE, .first = i + 1, .error = e};
        plans[(*count)++] = (struct plan){.what = PLAN_MEMORY, .first = i + 1};
        for (unsigned l = 0; l < HK_COUNT_OF(lengths); l++)
            plans[(*count)++] = (struct plan){
                .what = PLAN_ALL, .first = i + 1, .error = i % 2, .length = lengths[l]};
    }
    return plans;
}

bool rule_parse(const char *text, struct rule *rule)
{
    const char *end = strchr(text, ':');
    size_t len = strcspn(text, "/:");
    char how = 0;
    unsigned long long value = 0;
    memset(rule, 0, sizeof *rule);
    rule->arg = -1;
    if (end == NULL || (rule->error = inject_error_number(end + 1)) == 0 ||
        (rule->call = inject_named(text, len)) == NULL)
        return false;
    if (text[len] == ':')
        return true;
    if (sscanf(text + len, "/%d%c%llu:", &rule->arg, &how, &value) != 3 || rule->arg < 0 || rule->arg > 5)
        return false;
    rule->has_bit = how == '&';
    rule->value = value;
    return how == '&' || how == '=';
}

int rule_error(const struct rule *rule, const struct seccomp_data *data)
{
    if (rule->call->nr != data->nr)
        return 0;
    if (rule->arg < 0)
        return rule->error;
    uint64_t arg = data->args[rule->arg];
    return (rule->has_bit ? (arg & rule->value) != 0 : arg == rule->value) ? rule->error : 0;
}
