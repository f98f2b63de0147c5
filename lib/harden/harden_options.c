/* harden_options.c - HAKMEM_HARDEN as text: 1, or a list of modes. See harden.h, harden_options.h. */
#include "lib/harden/harden_options.h"

#include <string.h>

#include "lib/harden/harden.h"
#include "lib/harden/intercept.h"
#include "lib/tuning/environment.h"
#include "shm/text.h"
#include "shm/value.h"

struct hk_harden_options hk_harden_options = {.quarantine_bytes = 8 * HK_MIB, .guard_every = 1000};

static const struct hk_tunable_info quarantine_value = {
    .name = "quarantine", .type = HK_TYPE_UINT, .unit = HK_UNIT_BYTES, .min = 4096, .max = 64 * HK_GIB};
static const struct hk_tunable_info guard_value = {
    .name = "guard", .type = HK_TYPE_UINT, .unit = HK_UNIT_NONE, .min = 1, .max = 1000000000};

static const struct {
    const char *name;
    unsigned modes;
    const struct hk_tunable_info *value; /* that may stand behind a colon */
    uint64_t *to;
} words[] = {
    {"double-free", HK_HARDEN_STATE, NULL, NULL},
    {"sized", HK_HARDEN_SIZED, NULL, NULL},
    {"canary", HK_HARDEN_CANARY, NULL, NULL},
    {"guard", HK_HARDEN_GUARD, &guard_value, &hk_harden_options.guard_every},
    {"zero", HK_HARDEN_ZERO, NULL, NULL},
    {"random", HK_HARDEN_RANDOM, NULL, NULL},
    {"quarantine", HK_HARDEN_QUARANTINE, &quarantine_value, &hk_harden_options.quarantine_bytes},
    {"1", HK_HARDEN_ALL, NULL, NULL},
    {"all", HK_HARDEN_ALL, NULL, NULL},
    {"0", 0, NULL, NULL},
};

static void complain_word(const char *word, size_t len)
{
    char why[200];
    struct hk_text t = hk_text_in(why, sizeof why);
    hk_text_add(&t, "'");
    hk_text_add_n(&t, word, len < 40 ? len : 40);
    hk_text_add(&t, "' is none of ");
    for (unsigned i = 0; i < HK_COUNT_OF(words); i++) {
        hk_text_add(&t, i != 0 ? ", " : "");
        hk_text_add(&t, words[i].name);
    }
    hk_options_complain("HAKMEM_HARDEN", why);
}

static void complain_value(const struct hk_tunable_info *info, const char *text, size_t len)
{
    char why[200];
    struct hk_text t = hk_text_in(why, sizeof why);
    hk_text_add(&t, info->name);
    hk_text_add(&t, ": '");
    hk_text_add_n(&t, text, len < 40 ? len : 40);
    hk_text_add(&t, "' is not a number of ");
    hk_text_add_u64(&t, info->min);
    hk_text_add(&t, "..");
    hk_text_add_u64(&t, info->max);
    hk_options_complain("HAKMEM_HARDEN", why);
}

/* One word, with a value or without. A wrong value leaves the mode its own. */
static unsigned read_word(const char *word, size_t len)
{
    const char *colon = memchr(word, ':', len);
    size_t name_len = colon != NULL ? (size_t)(colon - word) : len;
    for (unsigned i = 0; i < HK_COUNT_OF(words); i++) {
        if (strlen(words[i].name) != name_len || memcmp(words[i].name, word, name_len) != 0 ||
            (colon != NULL && words[i].value == NULL))
            continue;
        uint64_t value;
        size_t value_len = len - name_len - 1;
        if (colon != NULL && hk_value_parse(words[i].value, colon + 1, value_len, &value) == HK_VALUE_OK)
            *words[i].to = value;
        else if (colon != NULL)
            complain_value(words[i].value, colon + 1, value_len);
        return words[i].modes;
    }
    complain_word(word, len);
    return 0;
}

unsigned hk_harden_read(const char *text)
{
    unsigned modes = 0;
    while (*text != '\0') {
        text += strspn(text, ", \t\n");
        size_t len = strcspn(text, ", \t\n");
        if (len != 0)
            modes |= read_word(text, len);
        text += len;
    }
    return modes != 0 ? modes | HK_HARDEN_STATE : 0;
}
