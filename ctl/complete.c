/* complete.c - see complete.h. */
#include "ctl/complete.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/base/error_report.h"
#include "ctl/base/quantity.h"
#include "ctl/base/terminal_text.h"
#include "ctl/client/find_daemon.h"

#define PATIENCE_MS 2000 /* somebody waits at a prompt */

static cJSON *ask_list(const char *runtime_dir)
{
    struct hk_daemon_search search;
    struct hk_connection connection;
    struct hk_call_error error;
    char dir[HK_RUNTIME_DIR_MAX + 1];
    cJSON *result = NULL;
    if (runtime_dir && hk_absolute_dir(runtime_dir, dir, sizeof dir) != 0)
        return NULL;
    if (!hk_find_daemon(&search, runtime_dir ? dir : NULL, &connection))
        return NULL;
    enum hk_call_status call = hk_connection_call(&connection, "list", NULL, PATIENCE_MS, &result, &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    hk_connection_close(&connection);
    return call == HK_CALL_OK ? result : NULL;
}

/* Whether an earlier process has the same text there. */
static bool is_repeated(const cJSON *processes, const cJSON *process, const char *kind, const char *text)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, processes)
    {
        const char *other = hk_json_get_string(p, kind);
        if (p == process)
            return false;
        if (other && strcmp(other, text) == 0)
            return true;
    }
    return false;
}

static void print_value(const cJSON *processes, const cJSON *process, const char *kind)
{
    const char *text = hk_json_get_string(process, kind), *comm = hk_json_get_string(process, "comm");
    double number = hk_json_get_number(process, kind);
    if (text && text[0] && !is_repeated(processes, process, kind, text)) {
        char *clean = hk_terminal_text_clean(text);
        printf("%s\n", clean);
        free(clean);
    } else if (number > 0) {
        char *clean = hk_terminal_text_clean(comm);
        printf("%s\t%s\n", hk_quantity_plain(number).s, clean);
        free(clean);
    }
}

int hk_complete_processes(const char *kind, const char *runtime_dir)
{
    cJSON *result = ask_list(runtime_dir);
    const cJSON *process, *processes = hk_json_get_member(result, "processes");
    cJSON_ArrayForEach(process, processes) print_value(processes, process, kind);
    cJSON_Delete(result);
    return HK_EXIT_OK;
}
