/*
 * request_params.h - the parameters of requests, checked.
 *
 * Each method says which it takes; any other, and any of the wrong type or out of range, is an error that
 * names it. Pure.
 */
#ifndef HAKMEM_DAEMON_CONTROL_REQUEST_PARAMS_H
#define HAKMEM_DAEMON_CONTROL_REQUEST_PARAMS_H

#include "daemon/control/process_selector.h"
#include "daemon/control/rpc.h"

enum hk_param {
    HK_PARAM_SELECTOR = 1, /* pid, comm, exe, unit, uid, label, family, all */
    HK_PARAM_DEAD = 2,
    HK_PARAM_CLASSES = 4,
    HK_PARAM_SCOPE = 8,
    HK_PARAM_TUNABLES = 16,
    HK_PARAM_LIFE = 32,
    HK_PARAM_WAIT = 64,
    HK_PARAM_NAMES = 128,
    HK_PARAM_EVERY = 256,
    HK_PARAM_SUBSCRIPTION = 512,
};

#define HK_WAIT_MS_DEFAULT 2000
#define HK_WAIT_MS_MAX     60000
#define HK_LIFE_S_MAX      (366u * 86400)
#define HK_EVERY_MS_MAX    86400000u

struct hk_params {
    struct hk_selector selector;
    bool dead, classes;
    bool host;                     /* scope */
    const cJSON *tunables, *names; /* of the request; NULL: not given */
    uint32_t life_s, wait_ms;
    uint32_t every_ms;     /* 0: not given */
    uint32_t subscription; /* 0: not given */
};

/* taken: which parameters the method takes, enum hk_param. False with error filled in.
 * hk_params_clear() is owed either way. */
bool hk_params_read(struct hk_params *params, const cJSON *object, unsigned taken,
                    struct hk_rpc_error *error);
void hk_params_clear(struct hk_params *params);

#endif
