/* pid_namespace.c - see pid_namespace.h. */
#include "daemon/sources/pid_namespace.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/clock.h"
#include "daemon/base/sorted_array.h"
#include "daemon/sources/procfs.h"

#define PER_STEP     128
#define NAMES_MAX    65536
#define PASS_GAP_NS  (2 * HK_NS_PER_S)
#define CHILDREN_MAX 1024

static int compare(const void *a, const void *b)
{
    const struct hk_pid_name *x = a, *y = b;
    if (x->inner != y->inner)
        return x->inner < y->inner ? -1 : 1;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static bool is_before(const void *item, const void *wanted)
{
    return compare(item, wanted) < 0;
}

/* False if the process is in no namespace but ours. */
static bool name_of(pid_t pid, struct hk_pid_name *out)
{
    struct hk_proc_status status;
    if (hk_proc_status(pid, &status) != 0 || status.namespaces < 2)
        return false;
    *out = (struct hk_pid_name){.inner = status.inner_pid, .pid = pid};
    return true;
}

void hk_pid_names_want(struct hk_pid_names *names)
{
    names->wanted = true;
}

static bool note(pid_t pid, void *arg)
{
    struct hk_pid_names *names = arg;
    if (names->todo_count % 256 == 0)
        names->todo = hk_realloc(names->todo, names->todo_count + 256, sizeof *names->todo);
    names->todo[names->todo_count++] = pid;
    return names->todo_count == NAMES_MAX;
}

static void finish(struct hk_pid_names *names)
{
    qsort(names->next, names->next_count, sizeof *names->next, compare);
    free(names->known);
    free(names->todo);
    names->known = names->next;
    names->known_count = names->next_count;
    names->next = NULL;
    names->todo = NULL;
    names->next_count = names->todo_count = names->at = 0;
    names->passes++;
}

void hk_pid_names_step(struct hk_pid_names *names, uint64_t now_ns)
{
    if (!names->todo) {
        if (!names->wanted || (names->began_ns != 0 && now_ns - names->began_ns < PASS_GAP_NS))
            return;
        names->wanted = false;
        names->began_ns = now_ns;
        hk_proc_each(note, names);
        if (!names->todo)
            return;
        names->next = hk_realloc(NULL, names->todo_count, sizeof *names->next);
    }
    for (unsigned i = 0; i < PER_STEP && names->at < names->todo_count; i++) {
        if (name_of(names->todo[names->at++], &names->next[names->next_count]))
            names->next_count++;
    }
    if (names->at == names->todo_count)
        finish(names);
}

void hk_pid_names_add_children(struct hk_pid_names *names, pid_t parent)
{
    pid_t children[CHILDREN_MAX];
    unsigned n = hk_proc_children(parent, children, CHILDREN_MAX);
    if (names->known_count + n > NAMES_MAX)
        return;
    names->known = hk_realloc(names->known, names->known_count + n, sizeof *names->known);
    for (unsigned i = 0; i < n; i++) {
        if (name_of(children[i], &names->known[names->known_count]))
            names->known_count++;
    }
    if (n > 0)
        qsort(names->known, names->known_count, sizeof *names->known, compare);
}

pid_t hk_pid_names_next(const struct hk_pid_names *names, pid_t inner, pid_t after)
{
    struct hk_pid_name wanted = {.inner = inner, .pid = after + 1};
    unsigned at = hk_sorted_bound(names->known, names->known_count, sizeof *names->known, &wanted, is_before);
    return at < names->known_count && names->known[at].inner == inner ? names->known[at].pid : 0;
}

void hk_pid_names_clear(struct hk_pid_names *names)
{
    free(names->known);
    free(names->next);
    free(names->todo);
    memset(names, 0, sizeof *names);
}
