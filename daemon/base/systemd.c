/* systemd.c - see systemd.h. */
#include "daemon/base/systemd.h"

#ifdef HAKMEM_HAVE_SYSTEMD

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/clock.h"
#include "shm/text.h"

bool hk_systemd_built(void)
{
    return true;
}

bool hk_systemd_has_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM"); /* "device:inode" */
    unsigned long long device, inode;
    struct stat st;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

/* "NAME=value" as a part of an entry, to be freed; NULL without memory. */
static struct iovec part(const char *name, const char *value)
{
    char *text = NULL;
    int len = asprintf(&text, "%s=%s", name, value);
    return len < 0 ? (struct iovec){0} : (struct iovec){.iov_base = text, .iov_len = (size_t)len};
}

bool hk_systemd_journal(enum hk_log_level level, const char *message, const struct hk_journal_field *fields,
                        unsigned count)
{
    static const char *const priorities[HK_LOG_LEVELS] = {"3", "4", "6", "7"}; /* syslog's */
    struct iovec parts[HK_JOURNAL_FIELDS + 3];
    unsigned n = 0;
    bool whole = true;
    parts[n++] = part("MESSAGE", message);
    parts[n++] = part("PRIORITY", priorities[level]);
    parts[n++] = part("SYSLOG_IDENTIFIER", "hakmemd");
    for (unsigned i = 0; i < count && i < HK_JOURNAL_FIELDS; i++)
        parts[n++] = part(fields[i].name, fields[i].value);
    for (unsigned i = 0; i < n; i++)
        whole = whole && parts[i].iov_base;
    bool sent = whole && sd_journal_sendv(parts, (int)n) == 0;
    for (unsigned i = 0; i < n; i++)
        free(parts[i].iov_base);
    return sent;
}

void hk_systemd_notify(const char *state)
{
    sd_notify(0, state);
}

void hk_systemd_notify_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(hk_now_ns() / 1000));
}

uint64_t hk_systemd_watchdog_ms(void)
{
    uint64_t us;
    return sd_watchdog_enabled(0, &us) > 0 ? us / 1000 : 0;
}

unsigned hk_systemd_passed_fds(struct hk_passed_fd **out)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);
    *out = NULL;
    if (n <= 0)
        return 0;
    struct hk_passed_fd *fds = hk_alloc((size_t)n * sizeof *fds);
    for (int i = 0; i < n; i++) {
        fds[i].fd = SD_LISTEN_FDS_START + i;
        const char *name = names && names[i] ? names[i] : "";
        hk_text_field(fds[i].name, sizeof fds[i].name, name, strlen(name));
        if (names)
            free(names[i]);
    }
    free(names);
    *out = fds;
    return (unsigned)n;
}

bool hk_systemd_store(const char *name, const int *fds, unsigned count)
{
    char state[320];
    if (!getenv("NOTIFY_SOCKET"))
        return false;
    /* A pidfd becomes readable when its process ends, which must not make it vanish from the store. */
    snprintf(state, sizeof state, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    return sd_pid_notify_with_fds(0, 0, state, fds, count) > 0;
}

void hk_systemd_unstore(const char *name)
{
    sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

#else /* built without libsystemd */

bool hk_systemd_built(void)
{
    return false;
}

bool hk_systemd_has_journal(void)
{
    return false;
}

bool hk_systemd_journal(enum hk_log_level level, const char *message, const struct hk_journal_field *fields,
                        unsigned count)
{
    (void)level, (void)message, (void)fields, (void)count;
    return false;
}

void hk_systemd_notify(const char *state)
{
    (void)state;
}

void hk_systemd_notify_reloading(void)
{
}

uint64_t hk_systemd_watchdog_ms(void)
{
    return 0;
}

unsigned hk_systemd_passed_fds(struct hk_passed_fd **out)
{
    *out = NULL;
    return 0;
}

bool hk_systemd_store(const char *name, const int *fds, unsigned count)
{
    (void)name, (void)fds, (void)count;
    return false;
}

void hk_systemd_unstore(const char *name)
{
    (void)name;
}

#endif
