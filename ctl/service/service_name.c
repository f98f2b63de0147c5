/* service_name.c - see service_name.h. */
#include "ctl/service/service_name.h"

#include <stdio.h>
#include <string.h>

#include "shm/base.h"

#define SERVICE ".service"

static const char *suffix_of(const char *name)
{
    static const char *const known[] = {SERVICE, ".socket", ".target", ".timer", ".mount", ".automount",
                                        ".swap", ".path",   ".slice",  ".scope", ".device"};
    const char *dot = strrchr(name, '.');
    for (unsigned i = 0; dot && i < HK_COUNT_OF(known); i++) {
        if (strcmp(dot, known[i]) == 0)
            return dot;
    }
    return NULL;
}

static bool fail(char *error, size_t size, const char *typed, const char *why)
{
    snprintf(error, size, "'%.80s': %s", typed, why);
    return false;
}

bool hk_service_name(const char *typed, char name[HK_SERVICE_NAME_BYTES], char *error, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
    const char *suffix = suffix_of(typed);
    if (typed[0] == '\0' || typed[strspn(typed, allowed)] != '\0' || suffix == typed || typed[0] == '@' ||
        typed[0] == '.')
        return fail(error, size, typed, "not a unit's name");
    if (suffix && strcmp(suffix, SERVICE) != 0)
        return fail(error, size, typed, "only services run programs");
    int whole = snprintf(name, HK_SERVICE_NAME_BYTES, "%s%s", typed, suffix ? "" : SERVICE);
    if (whole < 0 || whole >= HK_SERVICE_NAME_BYTES)
        return fail(error, size, typed, "longer than a unit's name may be");
    return true;
}

bool hk_service_template(const char *name, char buf[HK_SERVICE_NAME_BYTES])
{
    const char *at = strchr(name, '@');
    if (!at)
        return false;
    snprintf(buf, HK_SERVICE_NAME_BYTES, "%.*s@" SERVICE, (int)(at - name), name);
    return true;
}

bool hk_service_is_template(const char *name)
{
    const char *at = strchr(name, '@');
    return at && strcmp(at + 1, SERVICE) == 0;
}
