/* plugin.c - a library to load: it allocates in its constructor, destructor and in between. */
#include <stdlib.h>
#include <string.h>

char *plugin_text(const char *from);
void plugin_forget(void);

static char *kept;

__attribute__((constructor)) static void begin(void)
{
    kept = malloc(100000);
    if (kept != NULL)
        memset(kept, 1, 100000);
}

__attribute__((destructor)) static void end(void)
{
    free(kept);
    free(calloc(10, 1000));
}

/* A copy that the caller frees. */
char *plugin_text(const char *from)
{
    char *copy = malloc(strlen(from) + 1);
    return copy != NULL ? strcpy(copy, from) : NULL;
}

/* Threads that have loaded it at the same time share it: each frees what it took out. */
void plugin_forget(void)
{
    free(__atomic_exchange_n(&kept, strdup("something else"), __ATOMIC_ACQ_REL));
}
