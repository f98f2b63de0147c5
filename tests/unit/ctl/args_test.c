/* args_test.c - the command line: what is understood, and what is said of what is not. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/commands.h"
#include "shm/schema.h"

#define WORDS 16

/* Parses "stats --pid 3": words between single blanks. */
static bool parse(struct hk_args *args, const char *line)
{
    static char text[512];
    char *argv[WORDS + 1] = {(char[]){"hakmemctl"}};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *rest = text, *word; argc < WORDS && (word = strsep(&rest, " ")) != NULL;) {
        if (*word)
            argv[argc++] = word;
    }
    argv[argc] = NULL;
    /* The program of run points into argv, which ends with this function: only its first word is looked at.
     */
    static char *kept[WORDS + 1];
    memcpy(kept, argv, sizeof kept);
    return hk_args_parse(args, argc, kept);
}

static void expect_error(const char *line, const char *error)
{
    struct hk_args args;
    assert_false(parse(&args, line));
    if (strcmp(args.error, error) != 0)
        print_error("%s\n", line);
    assert_string_equal(args.error, error);
    hk_args_free(&args);
}

static void expect_params(const char *line, const char *json)
{
    struct hk_args args;
    cJSON *params = cJSON_CreateObject();
    assert_true(parse(&args, line));
    hk_selector_args_add(&args.selector, params);
    char *text = cJSON_PrintUnformatted(params);
    assert_string_equal(text, json);
    cJSON_free(text);
    cJSON_Delete(params);
    hk_args_free(&args);
}

static void selects_as_the_protocol_says(void **state)
{
    (void)state;
    expect_params("list", "{}");
    expect_params("list --pid 3 --pid=4 5", "{\"pid\":[3,4,5]}");
    expect_params("list --comm nginx* --unit a.service --label x --exe /usr/*",
                  "{\"comm\":\"nginx*\",\"exe\":\"/usr/*\",\"unit\":\"a.service\",\"label\":\"x\"}");
    expect_params("list --uid root --family 7 --all", "{\"uid\":0,\"family\":7,\"all\":true}");
    expect_params("list --uid 12345", "{\"uid\":12345}");
    expect_params("trim 1", "{\"pid\":[1]}");
}

static void options_go_before_and_after(void **state)
{
    (void)state;
    struct hk_args args;
    assert_true(parse(&args, "--runtime-dir /a -v stats --json=pretty host --no-color"));
    assert_string_equal(args.command->name, "stats");
    assert_string_equal(args.runtime_dir, "/a");
    assert_true(args.verbose && args.no_color && args.host);
    assert_int_equal(args.json, HK_JSON_PRETTY);
    hk_args_free(&args);
    assert_true(parse(&args, "--runtime-dir /a --json stats --runtime-dir /b"));
    assert_string_equal(args.runtime_dir, "/b");
    assert_int_equal(args.json, HK_JSON_COMPACT);
    hk_args_free(&args);
}

static void times_are_taken_with_units(void **state)
{
    (void)state;
    struct hk_args args;
    assert_true(parse(&args, "stats --interval 0.5 --count 3 --classes --dead"));
    assert_int_equal(args.interval_ms, 500);
    assert_int_equal(args.count, 3);
    assert_true(args.classes && args.dead);
    hk_args_free(&args);
    assert_true(parse(&args, "tune --all --life 1ms --wait 500ms refill_batch=200"));
    assert_int_equal(args.life_s, 1);
    assert_true(args.wait_given);
    assert_int_equal(args.wait_ms, 500);
    hk_args_free(&args);
    assert_true(parse(&args, "tune --all --life 2h --wait 0 refill_batch=200"));
    assert_int_equal(args.life_s, 7200);
    assert_int_equal(args.wait_ms, 0);
    hk_args_free(&args);
}

static void run_takes_the_rest_as_it_is(void **state)
{
    (void)state;
    struct hk_args args;
    assert_true(parse(&args, "run --tune refill_batch=200 --label x -- prog --help --json"));
    assert_string_equal(args.program[0], "prog");
    assert_string_equal(args.program[1], "--help");
    assert_string_equal(args.program[2], "--json");
    assert_null(args.program[3]);
    assert_string_equal(args.label, "x");
    assert_string_equal(args.tunes[0], "refill_batch=200");
    assert_false(args.help);
    hk_args_free(&args);
    assert_true(parse(&args, "run prog -v"));
    assert_string_equal(args.program[0], "prog");
    assert_string_equal(args.program[1], "-v");
    assert_false(args.verbose);
    hk_args_free(&args);
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    static const char *const lines[] = {"--help",  "help",        "help tune",      "tune --help",
                                        "-h trim", "trim --help", "run --help prog"};
    struct hk_args args;
    for (unsigned i = 0; i < HK_COUNT_OF(lines); i++) {
        assert_true(parse(&args, lines[i]));
        assert_true(args.help);
        hk_args_free(&args);
    }
    for (unsigned i = 0; i < hk_command_count; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s --help", hk_commands[i].name);
        assert_true(parse(&args, line));
        assert_ptr_equal(args.command, &hk_commands[i]);
        hk_args_free(&args);
    }
    assert_true(parse(&args, "--version"));
    assert_true(args.version);
    hk_args_free(&args);
}

static void names_what_is_wrong_with_words(void **state)
{
    (void)state;
    expect_error("", "no command");
    expect_error("lst", "no command 'lst'; nearest: list");
    expect_error("sta", "no command 'sta'; nearest: stats");
    expect_error("elephant", "no command 'elephant'");
    expect_error("--jsn list", "no option '--jsn'; nearest: --json");
    expect_error("stats --clases", "no option '--clases'; nearest: --classes");
    expect_error("stats --lifetime=3", "no option '--lifetime'");
    expect_error("stats --co", "no option '--co'; nearest: --comm, --count");
    expect_error("stats -x", "no option '-x'");
    expect_error("list --classes", "no option '--classes'");
    expect_error("stats --pid", "--pid wants PID");
    expect_error("stats --classes=3", "--classes takes no argument");
    expect_error("info 3", "'3' is one word too many");
    expect_error("stats hst", "'hst' is one word too many: neither a pid nor host");
    expect_error("list nginx", "'nginx' is one word too many: not a pid");
    expect_error("run", "no program to run");
    expect_error("run --", "no program to run");
    expect_error("--json run prog", "--json: there is no JSON form of run");
}

static void names_what_is_wrong_with_values(void **state)
{
    (void)state;
    expect_error("list --pid x", "--pid: 'x' is not a process id");
    expect_error("list --pid 0", "--pid: '0' is not a process id");
    expect_error("list --pid -1", "--pid: '-1' is not a process id");
    expect_error("list --pid 99999999999999999999", "--pid: '99999999999999999999' is not a process id");
    expect_error("list 99999999999", "--pid: '99999999999' is not a process id");
    expect_error("list --family x", "--family: 'x' is not a process id");
    expect_error("list --uid nobody-of-this-name", "--uid: there is no user 'nobody-of-this-name'");
    expect_error("list --comm=", "--comm: an empty text matches nothing");
    expect_error("list --comm a --comm b", "--comm is given twice");
    expect_error("stats --interval x", "--interval: 'x' is not a time (2, 0.5, 500ms, 10min, 1h)");
    expect_error("stats --interval 0", "--interval: '0' is out of range, 20 ms to 1 day");
    expect_error("stats --count 3", "--count goes with --interval");
    expect_error("stats --interval 1 --count 0", "--count: '0' is not a number from 1 on");
    expect_error("stats --json=ugly", "--json: 'ugly' is not a form; --json or --json=pretty");
    expect_error("trim --all --wait 61", "--wait: '61' is out of range, 0 to 60 s");
    expect_error("trim", "which processes? --pid, --comm, --exe, --unit, --uid, --label, --family, or --all");
    expect_error("--runtime-dir= list", "--runtime-dir wants a directory");
}

static void names_what_is_wrong_with_tunables(void **state)
{
    (void)state;
    expect_error("tune --all", "nothing to do: NAME=VALUE, --get or --reset is missing");
    expect_error("tune refill_batch=3",
                 "which processes? --pid, --comm, --exe, --unit, --uid, --label, --family, or --all");
    expect_error("tune --all refil_batch=3", "no tunable named 'refil_batch'; nearest: refill_batch");
    expect_error("tune --all refill_batch=3000", "refill_batch: '3000' is out of range, 1%..1000%");
    expect_error("tune --all refill_batch", "'refill_batch' lacks a value: refill_batch=VALUE");
    expect_error("tune --all refill_batch=", "refill_batch: '' is not a value, 1%..1000%");
    expect_error("tune --all refill_batch.x=3", "refill_batch.x: no such size class");
    expect_error("tune --all refill_batch.256=0", "refill_batch.256: '0' is out of range, 1..4096 blocks");
    expect_error("tune --all refill_batch=1 refill_batch=2", "refill_batch is given twice");
    expect_error("tune --get refill_batch=1", "'refill_batch=1': --get takes names, no values");
    expect_error("tune --all --reset x", "no tunable named 'x'");
    expect_error("tune --get --reset --all", "--get and --reset exclude each other");
    expect_error("tune --all --get --life 3", "--life goes with NAME=VALUE");
    expect_error("tune --all --get --wait 3", "--wait does not go with --get");
    expect_error("run --tune thp=on prog", "thp: 'on' is not a value, one of off,madvise,large");
}

static void takes_every_tunable_there_is(void **state)
{
    (void)state;
    struct hk_args args;
    char line[128];
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        const struct hk_tunable_info *t = &hk_tunables[i];
        if (t->type == HK_TYPE_CHOICE)
            snprintf(line, sizeof line, "tune --all %s=%.*s", t->name, (int)strcspn(t->choices, ","),
                     t->choices);
        else
            snprintf(line, sizeof line, "tune --all %s=%llu", t->name, (unsigned long long)t->max);
        assert_true(parse(&args, line));
        hk_args_free(&args);
    }
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++) {
        snprintf(line, sizeof line, "tune 7 %s.64=%llu", hk_class_tunables[i].name,
                 (unsigned long long)hk_class_tunables[i].min);
        assert_true(parse(&args, line));
        hk_args_free(&args);
    }
}

static void a_label_fits_the_segment(void **state)
{
    (void)state;
    char line[256], most[HK_LABEL_BYTES];
    struct hk_args args;
    memset(most, 'x', sizeof most - 1);
    most[sizeof most - 1] = '\0';
    snprintf(line, sizeof line, "run --label %s prog", most);
    assert_true(parse(&args, line));
    hk_args_free(&args);
    snprintf(line, sizeof line, "run --label %sx prog", most);
    expect_error(line, "--label: 64 bytes are too many, at most 63");
    expect_error("run --label a\tb prog", "--label: a label has no control characters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects_as_the_protocol_says),
        cmocka_unit_test(options_go_before_and_after),
        cmocka_unit_test(times_are_taken_with_units),
        cmocka_unit_test(run_takes_the_rest_as_it_is),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(names_what_is_wrong_with_words),
        cmocka_unit_test(names_what_is_wrong_with_values),
        cmocka_unit_test(names_what_is_wrong_with_tunables),
        cmocka_unit_test(takes_every_tunable_there_is),
        cmocka_unit_test(a_label_fits_the_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
