/* match.c - see match.h. */
#include "config/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/glob.h"

const char *const hk_match_field_names[HK_MATCH_FIELDS] = {"comm", "exe", "unit", "label"};

static bool field_matches(const struct hk_match *match, unsigned field, const char *text)
{
    if (match->glob_count[field] == 0)
        return true;
    for (unsigned i = 0; text && i < match->glob_count[field]; i++) {
        if (hk_glob_match(match->globs[field][i], text))
            return true;
    }
    return false;
}

bool hk_match_facts(const struct hk_match *match, const struct hk_facts *facts)
{
    bool uid_ok = match->uid_count == 0;
    for (unsigned i = 0; i < match->uid_count && !uid_ok; i++)
        uid_ok = match->uids[i] == facts->uid;
    for (unsigned f = 0; f < HK_MATCH_FIELDS && uid_ok; f++)
        uid_ok = field_matches(match, f, facts->text[f]);
    return uid_ok;
}

int hk_match_add_glob(struct hk_match *match, enum hk_match_field field, const char *glob)
{
    unsigned n = match->glob_count[field];
    if (n == HK_MATCH_ITEMS)
        return E2BIG;
    char **globs = realloc(match->globs[field], (n + 1) * sizeof *globs);
    if (!globs)
        return ENOMEM;
    match->globs[field] = globs;
    globs[n] = strdup(glob);
    if (!globs[n])
        return ENOMEM;
    match->glob_count[field]++;
    return 0;
}

int hk_match_add_uid(struct hk_match *match, uint32_t uid)
{
    if (match->uid_count == HK_MATCH_ITEMS)
        return E2BIG;
    uint32_t *uids = realloc(match->uids, (match->uid_count + 1) * sizeof *uids);
    if (!uids)
        return ENOMEM;
    match->uids = uids;
    uids[match->uid_count++] = uid;
    return 0;
}

bool hk_match_is_empty(const struct hk_match *match)
{
    bool empty = match->uid_count == 0;
    for (unsigned f = 0; f < HK_MATCH_FIELDS; f++)
        empty &= match->glob_count[f] == 0;
    return empty;
}

void hk_match_clear(struct hk_match *match)
{
    for (unsigned f = 0; f < HK_MATCH_FIELDS; f++) {
        for (unsigned i = 0; i < match->glob_count[f]; i++)
            free(match->globs[f][i]);
        free(match->globs[f]);
    }
    free(match->uids);
    memset(match, 0, sizeof *match);
}
