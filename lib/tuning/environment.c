/* environment.c - see environment.h. */
#include "lib/tuning/environment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/os/stderr_line.h"
#include "lib/os/syscall.h"
#include "lib/tuning/control.h"
#include "shm/text.h"

#define TUNE_FILE     "/etc/hakmem/tune"
#define TUNE_FILE_MAX 4096

static struct hk_options options HK_EARLY;

const struct hk_options *hk_options_get(void)
{
    return &options;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim_blanks(const char **text, size_t *len)
{
    while (*len > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && is_blank((*text)[*len - 1]))
        (*len)--;
}

void hk_options_complain(const char *what, const char *why)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    hk_text_add(&t, what);
    hk_text_add(&t, ": ");
    hk_text_add(&t, why);
    hk_text_add(&t, "; ignored");
    hk_report(line);
}

/* One name=value. */
static void read_setting(const char *text, size_t len, enum hk_source source)
{
    trim_blanks(&text, &len);
    if (len == 0)
        return;
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
    const char *value = equals != NULL ? equals + 1 : text + len;
    size_t value_len = len - name_len - (equals != NULL);
    const char *name = text;
    trim_blanks(&name, &name_len);
    trim_blanks(&value, &value_len);
    enum hk_value_error error;
    if (hk_control_set_own(name, name_len, value, value_len, source, &error) ||
        source != HK_SOURCE_ENVIRONMENT)
        return;
    char why[200];
    hk_options_complain("HAKMEM_TUNE",
                        hk_value_explain(error, name, name_len, value, value_len, why, sizeof why));
}

static void read_settings(const char *text, size_t len, enum hk_source source)
{
    while (len > 0) {
        size_t n = 0;
        while (n < len && text[n] != ',' && text[n] != '\n' && text[n] != '#')
            n++;
        read_setting(text, n, source);
        if (n < len && text[n] == '#') {
            while (n < len && text[n] != '\n')
                n++;
        }
        n += n < len;
        text += n;
        len -= n;
    }
}

static void read_file(void)
{
    static char text[TUNE_FILE_MAX];
    hk_count(&hk_process.sys_other_total, 1);
    long fd = HK_SYSCALL(SYS_openat, AT_FDCWD, TUNE_FILE, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return;
    hk_count(&hk_process.sys_other_total, 2);
    long n = HK_SYSCALL(SYS_read, fd, text, sizeof text);
    HK_SYSCALL(SYS_close, fd);
    if (n == (long)sizeof text) {
        while (n > 0 && text[n - 1] != '\n')
            n--; /* half a setting would be another one */
    }
    if (n > 0)
        read_settings(text, (size_t)n, HK_SOURCE_FILE);
}

static void read_publish(const char *word)
{
    static const char *const words[] = {"start", "work", "retry", "off"};
    for (unsigned i = 0; i < HK_COUNT_OF(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            options.publish = (enum hk_publish_when)i;
            return;
        }
    }
    hk_options_complain("HAKMEM_PUBLISH", "none of start, work, retry, off");
}

void hk_options_read(bool trust_env)
{
    read_file();
    if (!trust_env)
        return;
    /* NOLINTBEGIN(concurrency-mt-unsafe): before main */
    const char *tune = getenv("HAKMEM_TUNE");
    const char *publish = getenv("HAKMEM_PUBLISH");
    const char *label = getenv("HAKMEM_LABEL");
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (tune != NULL)
        read_settings(tune, strlen(tune), HK_SOURCE_ENVIRONMENT);
    if (publish != NULL)
        read_publish(publish);
    if (label != NULL)
        hk_text_field(options.label, sizeof options.label, label, strlen(label));
}
