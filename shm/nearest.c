/* nearest.c - see nearest.h. */
#include "shm/nearest.h"

#include <stdbool.h>
#include <string.h>

/* Optimal string alignment distance (Levenshtein with transpositions of neighbours), UINT32_MAX where a
 * word is too long. */
static unsigned edit_distance(const char *a, size_t n, const char *b)
{
    size_t m = strlen(b);
    if (n >= HK_NEAREST_WORD_BYTES || m >= HK_NEAREST_WORD_BYTES)
        return UINT32_MAX;
    uint8_t rows[3][HK_NEAREST_WORD_BYTES];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= n; i++) {
        uint8_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned cost = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1u < cost)
                cost = above[j] + 1u;
            if (row[j - 1] + 1u < cost)
                cost = row[j - 1] + 1u;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1u < cost)
                cost = above2[j - 2] + 1u;
            row[j] = (uint8_t)cost;
        }
    }
    return rows[n % 3][m];
}

static bool is_among(const char *name, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

#define DISTANCE_MOST   3u
#define BEGINNING_LEAST 2u /* bytes of a word that is taken for the beginning of others */

/* A third of the word may be wrong: two slips in a word of four make another word. */
static unsigned limit_of(size_t len)
{
    return len / 3 < DISTANCE_MOST ? (unsigned)(len / 3) : DISTANCE_MOST;
}

unsigned hk_nearest(const char *word, size_t len, const char *const *names, unsigned count, const char **out,
                    unsigned max)
{
    unsigned found = 0;
    for (unsigned distance = 0; distance <= limit_of(len); distance++) {
        for (unsigned i = 0; i < count && found < max; i++) {
            if (names[i] && edit_distance(word, len, names[i]) == distance && !is_among(names[i], out, found))
                out[found++] = names[i];
        }
    }
    bool beginning = found == 0 && len >= BEGINNING_LEAST;
    for (unsigned i = 0; beginning && i < count && found < max; i++) {
        if (names[i] && strncmp(names[i], word, len) == 0 && !is_among(names[i], out, found))
            out[found++] = names[i];
    }
    return found;
}
