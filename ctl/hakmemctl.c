/*
 * hakmemctl.c - hakmemctl: reads the command line, runs the subcommand.
 *
 * Beside what --help shows there are three requests that people do not type: --options (for completions),
 * --complete KIND [DIR] (values for them), and --keeper, by which run starts the keeper of a private daemon.
 */
#include <string.h>
#include <unistd.h>

#include "ctl/base/terminal_text.h"
#include "ctl/client/private_daemon.h"
#include "ctl/commands.h"
#include "ctl/complete.h"
#include "ctl/help.h"
#include "ctl/session.h"

static int usage_error(const struct hk_args *args)
{
    const char *name = args->command ? args->command->name : "";
    const char *gap = args->command ? " " : "";
    hk_error("%s%s%s\nTry 'hakmemctl%s%s --help'.", name, args->command ? ": " : "", args->error, gap, name);
    return HK_EXIT_USAGE;
}

static int run_command(struct hk_session *session)
{
    const struct hk_args *args = session->args;
    if (args->verbose)
        hk_set_verbose();
    if (args->version) {
        hk_output_line(&session->out, HK_STYLE_PLAIN, "hakmemctl %s", HAKMEM_VERSION);
        return HK_EXIT_OK;
    }
    if (args->help) {
        hk_help(&session->out, args->command);
        return HK_EXIT_OK;
    }
    int status = args->command->run(session);
    hk_connection_close(&session->connection);
    return status;
}

static int complete(const char *kind, const char *where)
{
    bool enabled = strcmp(kind, "enabled") == 0;
    return enabled || strcmp(kind, "units") == 0 ? hk_complete_services(enabled, where)
                                                 : hk_complete_processes(kind, where);
}

int main(int argc, char **argv)
{
    struct hk_args args;
    struct hk_session session = {.args = &args, .connection = {.fd = -1}};
    int status;
    hk_terminal_text_init();
    if (argc >= 2 && strcmp(argv[1], "--keeper") == 0)
        return hk_private_daemon_keep(argc - 2, argv + 2);
    if (argc >= 3 && strcmp(argv[1], "--complete") == 0)
        return complete(argv[2], argv[3]);
    hk_output_init(&session.out, HK_JSON_NONE, false, 0);
    if (argc == 2 && strcmp(argv[1], "--options") == 0) {
        hk_help_listing(stdout);
        return hk_output_finish(&session.out) ? HK_EXIT_OK : HK_EXIT_PARTLY;
    }
    if (hk_args_parse(&args, argc, argv)) {
        hk_output_init(&session.out, args.json, args.no_color, args.width);
        status = run_command(&session);
    } else {
        status = usage_error(&args);
    }
    hk_args_free(&args);
    if (!hk_output_finish(&session.out) && status == HK_EXIT_OK)
        status = HK_EXIT_PARTLY;
    return status;
}
