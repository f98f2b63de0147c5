/* stats_print_test.c - the document of malloc_stats_print(), as text and as JSON, and where it goes. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/lib/mallctl.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

/* ---- malloc_stats_print ---- */

static char document[1 << 20];
static size_t document_length, pieces;

static void collect(void *arg, const char *text)
{
    assert_ptr_equal(arg, document);
    size_t length = strlen(text);
    assert_true(document_length + length < sizeof document);
    memcpy(document + document_length, text, length + 1);
    document_length += length;
    pieces++;
}

static const char *stats_with(const char *opts)
{
    struct hakmem_snapshot before, after;
    document_length = pieces = 0;
    hakmem_snapshot(&before, sizeof before);
    malloc_stats_print(collect, document, opts);
    hakmem_snapshot(&after, sizeof after);
    assert_int_equal(before.allocs_total, after.allocs_total);
    return document;
}

static void text_begins_and_ends(void **state)
{
    (void)state;
    const char *text = stats_with(NULL);
    assert_int_equal(strncmp(text, "___ Begin jemalloc statistics ___\n", 34), 0);
    assert_non_null(strstr(text, "--- End jemalloc statistics ---\n"));
    assert_non_null(strstr(text, "\nAllocated: "));
    assert_non_null(strstr(text, "\nstats.arenas.4096.bins.39.curslabs: "));
    assert_non_null(strstr(text, "\nopt.narenas: 1\n"));
    assert_null(strstr(stats_with("g"), "opt.narenas"));
    assert_null(strstr(stats_with("b"), "bins."));
    assert_null(strstr(stats_with("l"), "lextents."));
    assert_null(strstr(stats_with("m"), "arenas.4096"));
    assert_null(strstr(stats_with("a"), "arenas.0."));
}

/* For the test's script, which has a reader of JSON. */
static void json_is_told(void **state)
{
    (void)state;
    const char *text = stats_with("J");
    assert_non_null(strstr(text, "\"jemalloc\": {"));
    assert_true(pieces > 10);
    long depth = 0;
    bool quoted = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            quoted = !quoted;
        if (!quoted && strchr("{[", *at) != NULL)
            depth++;
        if (!quoted && strchr("}]", *at) != NULL)
            depth--;
        assert_true(depth >= 0);
    }
    assert_int_equal(depth, 0);
    assert_null(strstr(stats_with("Jg"), "\"config\""));
    assert_null(strstr(stats_with("Jbl"), "\"bins\""));
    assert_null(strstr(document, "\"lextents\""));
    assert_null(strstr(stats_with("Jma"), "stats.arenas"));
}

static size_t told;

static void listen(void *arg, const char *text)
{
    assert_null(arg);
    told += strlen(text);
}

static void messages_go_where_the_program_says(void **state)
{
    (void)state;
    malloc_message = listen;
    malloc_stats_print(NULL, NULL, "Jabl");
    assert_true(told > 100);
    malloc_message = NULL;
    malloc_conf = "narenas:1";
    assert_int_equal(unsigned_of("opt.narenas"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_begins_and_ends),
        cmocka_unit_test(json_is_told),
        cmocka_unit_test(messages_go_where_the_program_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
