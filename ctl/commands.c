/* commands.c - see commands.h. */
#include "ctl/commands.h"

#include <string.h>

#include "ctl/option_table.h"
#include "shm/base.h"

#define EVERYWHERE (HK_GROUP_GLOBAL | HK_GROUP_JSON)

const struct hk_command hk_commands[] = {
    {.name = "run",
     .arguments = "[--] CMD [ARGUMENT]...",
     .summary = "run a program on hakmem",
     .details =
         "Runs CMD with libhakmem.so preloaded, in place of hakmemctl: its process, terminal, signals and "
         "exit status are its own.\n"
         "The daemon that answers sees it. Where none does, a private one is started in a directory of its "
         "own (with --runtime-dir: in DIR, made if need be) and ended with CMD; -v tells the directory, and "
         "CMD finds it in HAKMEM_RUNTIME_DIR.\n"
         "A program that preloading would do harm is not started, but with --force; one that it would do no good is "
         "warned of.\n"
         "A program built with the address, thread, leak or memory sanitizer keeps the sanitizer's allocator: it runs as "
         "without the library, and is not seen. Under valgrind's memcheck, helgrind, drd, massif and dhat their "
         "malloc serves it, and it is seen without blocks.\n"
         "HAKMEM_LIBRARY names the library to preload where it is not the one installed.",
     .groups = HK_GROUP_GLOBAL | HK_GROUP_RUN,
     .words = HK_WORDS_PROGRAM,
     .run = hk_cmd_run},
    {.name = "enable",
     .arguments = "UNIT...",
     .summary = "let systemd services run on hakmem",
     .details =
         "Writes a drop-in, UNIT.d/50-hakmem.conf in /etc/systemd/system, that preloads libhakmem.so into the "
         "service, from its next start on, and says what of the unit's settings, or in its program, is in the way and "
         "what to run next. "
         "UNIT may be a template (web@.service) or one of its instances; \".service\" may be left out. A unit that does not "
         "exist, or would not start, is refused, but with --force.\n"
         "With --runtime-dir the service greets the daemon there. HAKMEM_LIBRARY, or --library, names the library.",
     .groups = HK_GROUP_GLOBAL | HK_GROUP_RUN | HK_GROUP_ENABLE | HK_GROUP_UNITS,
     .words = HK_WORDS_UNITS,
     .run = hk_cmd_enable},
    {.name = "disable",
     .arguments = "UNIT...",
     .summary = "take back what enable wrote",
     .details =
         "Removes the drop-in, and its directory where that is empty then. A file that was changed since is "
         "left as it is. The service goes on running on hakmem until it is restarted.",
     .groups = HK_GROUP_GLOBAL | HK_GROUP_UNITS,
     .words = HK_WORDS_ENABLED,
     .run = hk_cmd_disable},
    {.name = "list",
     .arguments = "[PID]...",
     .summary = "the processes on hakmem, one a line",
     .details =
         "With --dead, how each ended: exited, through exit(), its totals exact; exec, it became another program; "
         "ended, by a signal, by _exit() or unseen.",
     .groups = EVERYWHERE | HK_GROUP_SELECT | HK_GROUP_DEAD,
     .words = HK_WORDS_PIDS,
     .run = hk_cmd_list},
    {.name = "stats",
     .arguments = "[host | PID...]",
     .summary = "where the memory is, rates and counters",
     .details = "Of one process, a page; of several, a line each; \"host\" sums those selected. With nothing "
                "selected, the host and a line for each process.\n"
                "With --interval a line (with several processes or --classes, a block) each time, until "
                "interrupted.",
     .groups = EVERYWHERE | HK_GROUP_SELECT | HK_GROUP_DEAD | HK_GROUP_STATS,
     .words = HK_WORDS_STATS,
     .run = hk_cmd_stats},
    {.name = "tune",
     .arguments = "[PID]... NAME=VALUE...\n--get [PID]... [NAME]...\n--reset [PID]... [NAME]...",
     .summary = "set, show or take back tunables",
     .details =
         "Sets values in the processes selected (--all for every one) and waits until they say that they "
         "follow. A value holds for a process and the children it forked, until --reset or the end of "
         "--life. Each process gets a line: applied, pending (it will follow when it next allocates), "
         "rejected, gone.",
     .groups = EVERYWHERE | HK_GROUP_SELECT | HK_GROUP_TUNE | HK_GROUP_WAIT,
     .words = HK_WORDS_TUNE,
     .wants_selector = true,
     .shows_tunables = true,
     .run = hk_cmd_tune},
    {.name = "trim",
     .arguments = "[PID]...",
     .summary = "give all free memory back to the system",
     .details = "Flushes bins and gives back what is free, in the processes selected. Each heap does its "
                "part when its thread next allocates or frees.",
     .groups = EVERYWHERE | HK_GROUP_SELECT | HK_GROUP_WAIT,
     .words = HK_WORDS_PIDS,
     .wants_selector = true,
     .run = hk_cmd_trim},
    {.name = "flush",
     .arguments = "[PID]...",
     .summary = "move blocks from bins to slabs",
     .details = "What trim does first, and no more: memory stays with the process.",
     .groups = EVERYWHERE | HK_GROUP_SELECT | HK_GROUP_WAIT,
     .words = HK_WORDS_PIDS,
     .wants_selector = true,
     .run = hk_cmd_flush},
    {.name = "doctor",
     .arguments = "[PID]...",
     .summary = "what is wrong, why, and what to do",
     .details =
         "Looks at the daemon, at the processes it sees, at those of yours that should be on hakmem and that it does "
         "not see, and, where no process is selected, at the programs of services that are enabled. Each finding has "
         "a name, under which troubleshooting.md, in the project's documentation, says more. What is worth knowing, but needs nothing done, is a note. Ends with 1 where there "
         "is a fault, with 0 where there is none, whatever the notes.",
     .groups = EVERYWHERE | HK_GROUP_SELECT,
     .words = HK_WORDS_PIDS,
     .run = hk_cmd_doctor},
    {.name = "info",
     .arguments = "",
     .summary = "about the daemon",
     .details = "",
     .groups = EVERYWHERE,
     .words = HK_WORDS_NONE,
     .run = hk_cmd_info},
    {.name = "schema",
     .arguments = "",
     .summary = "every counter and tunable, with unit and meaning",
     .details = "",
     .groups = EVERYWHERE,
     .words = HK_WORDS_NONE,
     .run = hk_cmd_schema},
};

const unsigned hk_command_count = HK_COUNT_OF(hk_commands);

const struct hk_command *hk_command_find(const char *name)
{
    for (unsigned i = 0; i < hk_command_count; i++) {
        if (strcmp(hk_commands[i].name, name) == 0)
            return &hk_commands[i];
    }
    return NULL;
}
