/*
 * fd_store.h - families that the service manager keeps over a restart: their descriptors, and what is known
 * of them.
 *
 * The names of all descriptors come back in one environment variable, which the kernel bounds to 128 KiB, so
 * a name is no more than a number of one to three characters: that of a row in a table, a memfd that is kept
 * as well. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_INTAKE_FD_STORE_H
#define HAKMEM_DAEMON_INTAKE_FD_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HK_STORE_ROWS  11500 /* as many names as fit, three times each */
#define HK_STORE_TABLE "table"

/* A row of the table. Daemons of other versions read it: nothing may change. */
struct hk_stored {
    int32_t pid; /* 0: the row is free */
    uint32_t uid;
    uint64_t start_ticks;
};

struct hk_store {
    int fd;              /* -1: no table yet */
    bool refused;        /* nobody keeps descriptors, or no table can be made */
    unsigned first_free; /* no row before it is free */
    uint8_t used[(HK_STORE_ROWS + 7) / 8];
};

void hk_store_init(struct hk_store *store);

/* Goes on with a table that was passed, which is taken over; every row is free until it is claimed. False: it
 * is no table. */
bool hk_store_resume(struct hk_store *store, int fd);

/* The number that a descriptor's name stands for, 1 to HK_STORE_ROWS; 0: it is no such name. */
unsigned hk_store_number(const char *name);

/* Reads a row, and claims it for a family that is restored. False: there is none. */
bool hk_store_claim(struct hk_store *store, unsigned number, struct hk_stored *out);

/* Keeps a family: returns its number, or 0 where it is not kept (it says hello again after a restart). */
unsigned hk_store_keep(struct hk_store *store, const struct hk_stored *row, const int *fds, unsigned count);

/* Takes a family out; 0 is none. */
void hk_store_drop(struct hk_store *store, unsigned number);

/* Takes whatever was kept under a number out, claimed or not. */
void hk_store_forget(unsigned number);

/* Lets go of the table, which the service manager keeps with what is in it. */
void hk_store_close(struct hk_store *store);

#endif
