/* option_table.c - see option_table.h; the table expanded. */
#include "ctl/option_table.h"

#include <stddef.h>

#define ROW(id_, name_, letter_, argument_, optional_, kind_, groups_, help_)                                \
    [HK_OPT_##id_] = {.name = (name_),                                                                       \
                      .letter = (letter_),                                                                   \
                      .argument = (argument_),                                                               \
                      .optional = (optional_),                                                               \
                      .kind = HK_KIND_OF_##kind_,                                                            \
                      .groups = HK_GROUP_##groups_,                                                          \
                      .help = (help_)},

const struct hk_option hk_option_table[HK_OPTIONS] = {
#define HK_OPTION ROW
#include "ctl/option_table.def"
};

const char *hk_option_kind_name(enum hk_option_kind kind)
{
    static const char *const names[] = {"none", "text",    "number", "seconds", "dir",  "file", "form",
                                        "user", "tunable", "pid",    "family",  "comm", "unit", "label"};
    return names[kind];
}
