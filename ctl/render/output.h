/*
 * output.h - where results go: a stream, its width, its colours, text or JSON.
 *
 * Each subcommand has one text form, made of the pieces here, and one JSON form, the daemon's result.
 */
#ifndef HAKMEM_CTL_RENDER_OUTPUT_H
#define HAKMEM_CTL_RENDER_OUTPUT_H

#include "ctl/base/json_read.h"
#include "ctl/render/table.h"
#include "shm/base.h"

/* What may be asked for as a width; other values count as not given. */
#define HK_OUTPUT_WIDTH_MIN 20u
#define HK_OUTPUT_WIDTH_MAX 1000u

struct hk_output {
    FILE *file;
    unsigned width; /* columns that a line may take; UINT32_MAX where nothing is to be cut */
    unsigned page;  /* columns after which sentences are wrapped */
    bool color;
    enum hk_json_form json;
};

/* Prepares standard output. The width is that given (0: not given), else $COLUMNS, else the terminal's. Where
 * none of these is known, for pipes and files, lines have no bound and sentences are wrapped at 80 columns.
 * Colours are used on a terminal that has them, unless no_color or $NO_COLOR says otherwise. */
void hk_output_init(struct hk_output *out, enum hk_json_form json, bool no_color, unsigned width);

/* Prints the table, indented, and frees it. */
void hk_output_table(const struct hk_output *out, struct hk_table *table, unsigned indent);
/* The same without its line of titles. */
void hk_output_rows(const struct hk_output *out, struct hk_table *table, unsigned indent);

/* A line of its own in a style; cut to the width. */
void hk_output_line(const struct hk_output *out, enum hk_style style, const char *format, ...)
    HK_PRINTF(3, 4);
void hk_output_gap(const struct hk_output *out);

/* Flushes. False, and a message on stderr, if anything could not be written. */
bool hk_output_finish(const struct hk_output *out);

#endif
