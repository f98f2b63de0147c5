/*
 * config_fuzz.c - a configuration file's text.
 *
 * A text without problems can be printed and read again, and then says the same; one with problems
 * names each in one line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "shm/schema.h"
#include "tests/fuzz/fuzz.h"

static char *print(const struct hk_config *config)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    FUZZ_CHECK(out && hk_config_print(config, out) == 0);
    fclose(out);
    return text;
}

/* Strings that are no UTF-8, or hold a NUL, are another matter: cJSON gives them back as they are. */
static void check_round_trip(const struct hk_config *config)
{
    struct hk_problems problems = {0};
    struct hk_config again;
    char *first = print(config);
    hk_config_init(&again);
    hk_config_add_text(&again, "again", first, strlen(first), &problems);
    hk_config_order(&again);
    FUZZ_CHECK(problems.count == 0);
    char *second = print(&again);
    FUZZ_CHECK(strcmp(first, second) == 0);
    free(first);
    free(second);
    hk_config_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t classes[] = {16, 32, 64, 256};
    static const struct hk_facts facts = {.text = {"nginx", "/usr/sbin/nginx", "web.service", NULL},
                                          .uid = 33};
    static struct hk_policy_choice choices[HK_VALUES];
    struct hk_problems problems = {0};
    struct hk_config config;
    hk_config_init(&config);
    hk_config_add_text(&config, "file", (const char *)data, size, &problems);
    hk_config_order(&config);
    FUZZ_CHECK(problems.kept == (problems.count < HK_PROBLEMS_KEPT ? problems.count : HK_PROBLEMS_KEPT));
    for (unsigned i = 0; i < problems.kept; i++)
        FUZZ_CHECK(strncmp(problems.lines[i], "file:", 5) == 0 && strlen(problems.lines[i]) > 8);
    hk_policies_choose(config.policies, config.policy_count, &facts, classes, 4, choices);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tunable_info *info = hk_value_info(i);
        FUZZ_CHECK(!choices[i].policy || (choices[i].value >= info->min && choices[i].value <= info->max));
    }
    if (problems.count == 0)
        check_round_trip(&config);
    hk_problems_clear(&problems);
    hk_config_clear(&config);
    return 0;
}
