/* cgroup.c - see cgroup.h. */
#include "daemon/sources/cgroup.h"

#include <string.h>

#include "shm/text.h"

#define CONTAINER_ID_LENGTH 64

static bool ends_in(const char *s, size_t len, const char *tail)
{
    size_t n = strlen(tail);
    return len > n && memcmp(s + len - n, tail, n) == 0;
}

static bool is_container_id(const char *s, size_t len)
{
    size_t i = 0;
    while (i < len && ((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
        i++;
    return len == CONTAINER_ID_LENGTH && i == len;
}

/* The last part of a path of len bytes that names a unit. */
static bool unit_of_path(const char *path, size_t len, char *out)
{
    while (len > 0) {
        const char *slash = memrchr(path, '/', len);
        const char *part = slash ? slash + 1 : path;
        size_t n = (size_t)(path + len - part);
        if (n < HK_UNIT_BYTES_MAX &&
            (ends_in(part, n, ".service") || ends_in(part, n, ".scope") || is_container_id(part, n))) {
            hk_text_field(out, HK_UNIT_BYTES_MAX, part, n);
            return true;
        }
        len = slash ? (size_t)(slash - path) : 0;
    }
    return false;
}

bool hk_cgroup_unit(const char *text, char *out)
{
    bool found = false;
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *controllers = memchr(line, ':', len);
        const char *path = controllers ? memchr(controllers + 1, ':', len - (size_t)(controllers + 1 - line))
                                       : NULL;
        if (path) {
            bool systemd = strncmp(controllers, "::", 2) == 0 ||
                           strncmp(controllers, ":name=systemd:", 14) == 0;
            if ((systemd || !found) && unit_of_path(path + 1, (size_t)(line + len - path - 1), out)) {
                found = true;
                if (systemd)
                    return true;
            }
        }
        line += len + (line[len] == '\n');
    }
    return found;
}
