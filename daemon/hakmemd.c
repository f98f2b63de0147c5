/* hakmemd.c - hakmemd: command line, configuration, and then the loop. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/lifecycle.h"

/* As of a wrong command line: no restart mends it, and the unit asks for none (RestartPreventExitStatus=). */
#define WRONG_CONFIG 2

/* Reads the configuration; returns how many problems there are, printed to stderr. */
static unsigned load(struct hk_daemon *daemon)
{
    char buf[4096];
    struct hk_problems problems = {0};
    const char *file = hk_lifecycle_config_file(&daemon->options, buf, sizeof buf);
    hk_config_load(&daemon->config, file, daemon->options.config_file != NULL, &problems);
    for (unsigned i = 0; i < problems.kept; i++)
        fprintf(stderr, "error: %s\n", problems.lines[i]);
    if (problems.count > problems.kept)
        fprintf(stderr, "error: and %u more\n", problems.count - problems.kept);
    unsigned count = problems.count;
    hk_problems_clear(&problems);
    return count;
}

/* The daemon would start all the same, and say this in its log. */
static void warn_of_group(const struct hk_config *config)
{
    gid_t gid;
    if (config->admin_group[0] != '\0' && !hk_lifecycle_find_group(config->admin_group, &gid))
        fprintf(stderr, "warning: " HK_NO_ADMIN_GROUP "\n", config->admin_group);
}

static int run(struct hk_daemon *daemon)
{
    int error = hk_lifecycle_start(daemon);
    if (error)
        hk_lifecycle_stop(daemon);
    if (daemon->loop_open)
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
    hk_lifecycle_finish(daemon);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct hk_daemon *daemon = hk_alloc(sizeof *daemon);
    int status = hk_options_read(&daemon->options, argc, argv);
    if (status < 0 && load(daemon) > 0) {
        hk_config_clear(&daemon->config);
        status = WRONG_CONFIG;
    }
    if (status < 0 && daemon->options.check_config) {
        warn_of_group(&daemon->config);
        status = hk_config_print(&daemon->config, stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        hk_config_clear(&daemon->config);
    }
    if (status < 0)
        status = run(daemon);
    free(daemon);
    return status;
}
