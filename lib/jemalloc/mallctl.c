/*
 * mallctl.c - mallctl, mallctlnametomib, mallctlbymib: from names to rows of lib/jemalloc/mallctl.def, and
 * how values are read and written.
 *
 * In a MIB an integer stands for itself, and a word for the first row whose name begins with all that leads
 * to it: rows that begin alike lie together, so a word's number names the whole path.
 */
#include <errno.h>
#include <string.h>

#include "lib/arena/big_block.h"
#include "lib/arena/slab.h"
#include "lib/jemalloc/mallctl.h"
#include "lib/os/lock.h"

HK_EXPORT int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len);
HK_EXPORT int mallctlnametomib(const char *name, size_t *mib, size_t *mib_len);
HK_EXPORT int mallctlbymib(const size_t *mib, size_t mib_len, void *old, size_t *old_len, void *new,
                           size_t new_len);

/* ---- names ---- */

/* A name as far as it was read. */
struct path {
    unsigned row, parts; /* the first row that begins with these parts */
    size_t mib[HK_CTL_DEPTH];
    bool is_whole; /* the row has no more */
};

/* Length of a name's next part. */
static size_t part_length(const char *at)
{
    return strcspn(at, ".");
}

/* Where part number n of a row's name begins; NULL if it has fewer. */
static const char *part_of(unsigned row, unsigned n)
{
    const char *at = hk_ctl_rows[row].name;
    for (; n > 0; n--) {
        at = strchr(at, '.');
        if (at == NULL)
            return NULL;
        at++;
    }
    return at;
}

/* Length of a row's first n parts, without the dot behind them. */
static size_t length_of(unsigned row, unsigned n)
{
    const char *next = part_of(row, n);
    return next != NULL ? (size_t)(next - hk_ctl_rows[row].name) - 1 : strlen(hk_ctl_rows[row].name);
}

/* Whether two rows have the same first n parts. */
static bool begin_alike(unsigned a, unsigned b, unsigned n)
{
    size_t length = length_of(a, n);
    return n == 0 ||
           (length == length_of(b, n) && memcmp(hk_ctl_rows[a].name, hk_ctl_rows[b].name, length) == 0);
}

static bool read_integer(const char *at, size_t length, size_t *n)
{
    size_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        if (at[i] < '0' || at[i] > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (size_t)(at[i] - '0'), &sum))
            return false;
    }
    *n = sum;
    return length != 0;
}

/* Whether a row's part is what a name has there; *n: its number in a MIB. */
static bool part_matches(unsigned row, unsigned part, const char *at, size_t length, size_t *n)
{
    const char *mine = part_of(row, part);
    if (mine == NULL)
        return false;
    *n = row;
    if (mine[0] == '#')
        return read_integer(at, length, n) && hk_ctl_index_is_valid(row, part, *n);
    return part_length(mine) == length && memcmp(mine, at, length) == 0;
}

/* Goes on by one part, from row to row as long as they begin as this one does. */
static bool step(struct path *p, const char *at, size_t length)
{
    unsigned from = p->row;
    for (; p->row < HK_CTL_ROWS && begin_alike(p->row, from, p->parts); p->row++) {
        if (part_matches(p->row, p->parts, at, length, &p->mib[p->parts])) {
            p->parts++;
            return true;
        }
    }
    return false;
}

/* false: there is no name that begins so. */
static bool find_name(const char *name, struct path *p)
{
    *p = (struct path){0};
    for (const char *at = name;; at++) {
        size_t length = part_length(at);
        if (p->parts == HK_CTL_DEPTH || !step(p, at, length))
            return false;
        at += length;
        if (*at == '\0')
            break;
    }
    p->is_whole = part_of(p->row, p->parts) == NULL;
    return true;
}

/* ---- MIBs ---- */

static bool is_first_of(unsigned row, unsigned parts)
{
    return row == 0 || !begin_alike(row - 1, row, parts);
}

/* Whether number n of a MIB is a row's part there. */
static bool mib_matches(unsigned row, unsigned part, size_t n)
{
    const char *at = part_of(row, part);
    if (at == NULL)
        return false;
    if (at[0] == '#')
        return hk_ctl_index_is_valid(row, part, n);
    return n < HK_CTL_ROWS && begin_alike((unsigned)n, row, part + 1) && is_first_of((unsigned)n, part + 1);
}

/* The row that a whole MIB stands for; -1: none. Every name ends in a word. */
static int row_of_mib(const size_t *mib, size_t parts)
{
    if (parts == 0 || parts > HK_CTL_DEPTH || mib[parts - 1] >= HK_CTL_ROWS)
        return -1;
    unsigned row = (unsigned)mib[parts - 1];
    for (unsigned part = 0; part < parts; part++) {
        if (!mib_matches(row, part, mib[part]))
            return -1;
    }
    return part_of(row, (unsigned)parts) == NULL ? (int)row : -1;
}

static struct hk_ctl ctl_of(unsigned row, const size_t *mib)
{
    struct hk_ctl c = {.row = row};
    unsigned indexes = 0;
    for (unsigned part = 0; part_of(row, part) != NULL; part++) {
        if (part_of(row, part)[0] == '#')
            c.index[indexes++] = (unsigned)mib[part];
    }
    return c;
}

/* ---- which integers there are ---- */

static bool starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

bool hk_ctl_index_is_valid(unsigned row, unsigned part, size_t index)
{
    const char *name = hk_ctl_rows[row].name, *before = part_of(row, part - 1);
    if (starts_with(before, "arena.") || starts_with(before, "arenas.")) {
        bool is_all = index == hk_ctl_arenas() || index == HK_CTL_ALL; /* the first as in jemalloc before 5 */
        bool is_told = starts_with(name, "stats.");
        return is_all || (is_told && index == HK_CTL_DESTROYED) ||
               (index < HK_CTL_ALL &&
                (is_told ? hk_ctl_arena_lives((unsigned)index) : index < hk_ctl_arenas()));
    }
    return index < (starts_with(before, "bin") ? HK_CLASSES : (size_t)HK_CTL_LARGE);
}

/* ---- reading and writing ---- */

/* Where the caller's values are. */
struct access {
    void *old;
    size_t *old_len;
    const void *new;
    size_t new_len;
};

/* As much as there is room for, with an error where that is not all, or less than the room. */
static int give(const struct access *a, const void *value, size_t bytes)
{
    if (a->old == NULL || a->old_len == NULL)
        return 0;
    size_t room = *a->old_len;
    *a->old_len = room < bytes ? room : bytes;
    memcpy(a->old, value, *a->old_len);
    return room == bytes ? 0 : EINVAL;
}

/* A number of so many bytes; a negative one is not made longer, but that of 8 bytes is. */
static uint64_t number_at(const void *at, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, at, bytes < sizeof v ? bytes : sizeof v);
    return v;
}

/* An order is neither read nor written. */
static int carry_out(const struct hk_ctl *c, const struct access *a)
{
    if (a->old != NULL || a->old_len != NULL || a->new != NULL || a->new_len != 0)
        return EPERM;
    return hk_ctl_set(c, 0);
}

/* What is made only for a caller that can be told of it. */
static int make(const struct hk_ctl *c, const struct access *a)
{
    const void *pointer = NULL;
    unsigned made;
    if (a->new != NULL && a->new_len != sizeof pointer)
        return EINVAL;
    if (a->new != NULL)
        memcpy(&pointer, a->new, sizeof pointer);
    if (a->old == NULL || a->old_len == NULL || *a->old_len != sizeof made) {
        if (a->old_len != NULL)
            *a->old_len = 0;
        return EINVAL;
    }
    int error = hk_ctl_make(c, pointer, &made);
    return error != 0 ? error : give(a, &made, sizeof made);
}

/* Of a program that is confused about the type, as much as fits. */
static int read_and_write(struct hk_ctl *c, const struct access *a, unsigned type, unsigned access)
{
    size_t bytes = hk_ctl_bytes(type);
    uint64_t value = 0;
    int error = 0;
    if (a->new != NULL ? a->new_len != bytes : (access & HK_CTL_R) == 0)
        return EINVAL;
    if (a->new != NULL && (access & HK_CTL_NEW) != 0)
        error = hk_ctl_set(c, number_at(a->new, bytes));
    if ((access & HK_CTL_R) != 0) {
        c->s = hk_ctl_look();
        value = hk_ctl_get(c);
        hk_ctl_done();
    }
    if (a->new != NULL && (access & HK_CTL_NEW) == 0)
        error = hk_ctl_set(c, number_at(a->new, bytes));
    return error != 0 ? error : give(a, &value, bytes);
}

static int do_row(struct hk_ctl *c, const struct access *a)
{
    const struct hk_ctl_row *row = &hk_ctl_rows[c->row];
    if (row->type == HK_CTL_NOTHING)
        return carry_out(c, a);
    if (((row->access & HK_CTL_R) == 0 && (a->old != NULL || a->old_len != NULL)) ||
        ((row->access & HK_CTL_W) == 0 && (a->new != NULL || a->new_len != 0)))
        return EPERM;
    return (row->access & HK_CTL_MAKES) != 0 ? make(c, a) : read_and_write(c, a, row->type, row->access);
}

/* ---- what is made ---- */

static bool is_block(const void *p)
{
    size_t slab = hk_slab_of(p);
    if (slab >= hk_arena_slabs())
        return false;
    return hk_meta_of(slab) != 0 ||
           hk_big_is_block((const void *)hk_slab_start((uint32_t)slab), (uint32_t)slab);
}

int hk_ctl_make(const struct hk_ctl *c, const void *pointer, unsigned *made)
{
    switch (hk_ctl_rows[c->row].type) {
    case HK_CTL_BLOCK:
        *made = 0;
        return is_block(pointer) ? 0 : EINVAL;
    case HK_CTL_HOOKS:
        return pointer != NULL ? EFAULT : hk_ctl_make_id(true, made);
    default:
        return hk_ctl_make_id(false, made);
    }
}

/* ---- the calls ---- */

int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
{
    struct path p;
    if (name == NULL || !find_name(name, &p) || !p.is_whole)
        return ENOENT;
    struct hk_ctl c = ctl_of(p.row, p.mib);
    return do_row(&c, &(struct access){old, old_len, new, new_len});
}

int mallctlnametomib(const char *name, size_t *mib, size_t *mib_len)
{
    struct path p;
    if (name == NULL || mib == NULL || mib_len == NULL || !find_name(name, &p))
        return ENOENT;
    if (p.parts < *mib_len)
        *mib_len = p.parts;
    memcpy(mib, p.mib, *mib_len * sizeof *mib);
    return 0;
}

int mallctlbymib(const size_t *mib, size_t mib_len, void *old, size_t *old_len, void *new, size_t new_len)
{
    int row = mib != NULL ? row_of_mib(mib, mib_len) : -1;
    if (row < 0)
        return ENOENT;
    struct hk_ctl c = ctl_of((unsigned)row, mib);
    return do_row(&c, &(struct access){old, old_len, new, new_len});
}
