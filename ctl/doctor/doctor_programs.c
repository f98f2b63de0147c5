/*
 * doctor_programs.c - programs that preloading does no good, or harm: those that run, and those of services
 * that are enabled.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/install_paths.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/proc_status.h"
#include "ctl/doctor/unseen_process.h"
#include "ctl/program/program.h"
#include "ctl/service/service_list.h"
#include "ctl/service/service_program.h"

/* Many processes run one program: it is looked at once, for each user and root directory, by which the answer
 * differs. */
struct known {
    dev_t device, root_device;
    ino_t inode, root_inode;
    uid_t uid;
    gid_t gid;
    bool readable;
    struct hk_program program;
};

struct hk_programs {
    struct known **all;
    size_t count, capacity;
    char library[PATH_MAX]; /* "": none */
};

struct hk_programs *hk_programs_new(void)
{
    struct hk_programs *programs = hk_need(calloc(1, sizeof *programs));
    char error[PATH_MAX + 256];
    if (!hk_install_path_library(programs->library, sizeof programs->library, error, sizeof error))
        programs->library[0] = '\0';
    return programs;
}

void hk_programs_free(struct hk_programs *programs)
{
    for (size_t i = 0; i < programs->count; i++)
        free(programs->all[i]);
    free(programs->all);
    free(programs);
}

/* ---- processes ---- */

static bool is_same(const struct known *a, const struct known *b)
{
    return a->device == b->device && a->inode == b->inode && a->root_device == b->root_device &&
           a->root_inode == b->root_inode && a->uid == b->uid && a->gid == b->gid;
}

static bool identify(struct known *key, pid_t pid)
{
    char path[64];
    struct stat exe, root;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    if (stat(path, &exe) != 0 || !hk_proc_ids(pid, &key->uid, &key->gid))
        return false;
    snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    if (stat(path, &root) != 0)
        return false;
    key->device = exe.st_dev;
    key->inode = exe.st_ino;
    key->root_device = root.st_dev;
    key->root_inode = root.st_ino;
    return true;
}

static struct known *add(struct hk_programs *programs, const struct known *key)
{
    struct known *known = hk_need(calloc(1, sizeof *known));
    programs->all = hk_grow(programs->all, programs->count, &programs->capacity, sizeof(struct known *));
    programs->all[programs->count++] = known;
    *known = *key;
    return known;
}

const struct hk_program *hk_programs_of_process(struct hk_programs *programs, pid_t pid)
{
    struct known key = {.readable = false};
    if (!identify(&key, pid))
        return NULL;
    for (size_t i = 0; i < programs->count; i++) {
        struct known *known = programs->all[i];
        if (is_same(known, &key))
            return known->readable ? &known->program : NULL;
    }
    struct hk_program_context context = {.root = "",
                                         .library = programs->library[0] ? programs->library : NULL,
                                         .uid = key.uid,
                                         .gid = key.gid};
    struct known *known = add(programs, &key);
    known->readable = hk_program_inspect_process(&known->program, &context, pid);
    return known->readable ? &known->program : NULL;
}

/* Why the library is not in a process that was to have it. Others say why it is of no use there. */
static bool keeps_it_out(enum hk_program_id id)
{
    return id == HK_PROGRAM_STATIC || id == HK_PROGRAM_MORE_RIGHTS || id == HK_PROGRAM_OTHER_MACHINE;
}

char *hk_programs_obstacle(struct hk_programs *programs, pid_t pid)
{
    const struct hk_program *program = hk_programs_of_process(programs, pid);
    for (unsigned i = 0; program && i < program->count; i++) {
        if (keeps_it_out(program->found[i].id))
            return hk_program_finding_text(program, i);
    }
    return NULL;
}

static enum hk_finding_id finding_of(enum hk_severity severity)
{
    return severity == HK_SEVERITY_HARMFUL   ? HK_FOUND_PRELOAD_HARMFUL
           : severity == HK_SEVERITY_USELESS ? HK_FOUND_PRELOAD_USELESS
                                             : HK_FOUND_OTHER_HEAP;
}

bool hk_programs_keeps_sanitizer(struct hk_programs *programs, pid_t pid)
{
    const struct hk_program *program = hk_programs_of_process(programs, pid);
    for (unsigned i = 0; program && i < program->count; i++) {
        if (program->found[i].id == HK_PROGRAM_SANITIZER)
            return true;
    }
    return false;
}

/* Finds what the index-th finding says of a process's program, behind what is said of the process. */
static void add_finding(struct hk_doctor *doctor, double pid, const char *comm, const char *process,
                        const struct hk_program *program, unsigned index)
{
    const struct hk_program_info *info = &hk_program_infos[program->found[index].id];
    char *sentence = hk_program_finding_text(program, index);
    hk_finding_add(&doctor->findings, finding_of(info->severity), pid, comm, "%s%s: %s; %s", process,
                   program->path, sentence, info->remedy);
    free(sentence);
}

void hk_doctor_process_program(struct hk_doctor *doctor, double pid, const char *comm)
{
    const struct hk_program *program = hk_programs_of_process(doctor->programs, (pid_t)pid);
    for (unsigned i = 0; program && i < program->count; i++) {
        enum hk_program_id id = program->found[i].id;
        if (hk_program_infos[id].severity != HK_SEVERITY_FINE && !keeps_it_out(id))
            add_finding(doctor, pid, comm, "", program, i);
    }
}

bool hk_doctor_preload_is_useless(struct hk_doctor *doctor, double pid, const char *comm)
{
    const struct hk_program *program = hk_programs_of_process(doctor->programs, (pid_t)pid);
    bool is_useless = false;
    for (unsigned i = 0; program && i < program->count; i++) {
        enum hk_severity severity = hk_program_infos[program->found[i].id].severity;
        if (severity != HK_SEVERITY_HARMFUL && severity != HK_SEVERITY_USELESS)
            continue;
        add_finding(doctor, pid, comm, "it has no " HK_LIBRARY_NAME ", and ", program, i);
        is_useless = true;
    }
    return is_useless;
}

/* ---- services that are enabled ---- */

struct service {
    struct hk_doctor *doctor;
    const char *unit;
};

static void check_program(void *arg, const char *name, const struct hk_program *program)
{
    const struct service *service = arg;
    for (unsigned i = 0; i < program->count; i++) {
        const struct hk_program_info *info = &hk_program_infos[program->found[i].id];
        if (info->severity == HK_SEVERITY_FINE)
            continue;
        char *sentence = hk_program_finding_text(program, i);
        hk_finding_add(&service->doctor->findings, finding_of(info->severity), 0, NULL,
                       "%s is enabled, and starts %s: %s; %s", service->unit, name, sentence, info->remedy);
        free(sentence);
    }
}

static void check_units(struct hk_doctor *doctor, const struct hk_service_scope *scope)
{
    struct hk_service_names names;
    hk_service_names_read(&names, scope, true);
    for (size_t i = 0; i < names.count && doctor->programs->library[0]; i++) {
        struct hk_service unit;
        struct service service = {.doctor = doctor, .unit = names.all[i]};
        hk_service_read(&unit, scope, names.all[i]);
        hk_service_each_program(&unit, scope, doctor->programs->library, check_program, &service);
        hk_service_free(&unit);
    }
    hk_service_names_free(&names);
}

void hk_doctor_units(struct hk_doctor *doctor)
{
    if (hk_selector_args_given(doctor->selector))
        return;
    check_units(doctor, &(struct hk_service_scope){.root = ""});
    check_units(doctor, &(struct hk_service_scope){.root = "", .user = true});
}
