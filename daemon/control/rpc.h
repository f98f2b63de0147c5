/*
 * rpc.h - the envelope: one line of JSON-RPC 2.0 taken apart, answers and errors put together.
 *
 * Pure: a line in, text out.
 */
#ifndef HAKMEM_DAEMON_CONTROL_RPC_H
#define HAKMEM_DAEMON_CONTROL_RPC_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "daemon/control/json_writer.h"
#include "shm/base.h"

#define HK_LINE_MAX (1u << 20) /* bytes of a request */

enum hk_rpc_code {
#define HK_RPC_ERROR(name, code, ...) HK_RPC_##name = (code),
#include "daemon/control/errors.def"
};

/* data is a member named key, with text as its value, or number where text is empty; no key, no data.
 * For NO_METHOD the methods are listed. */
struct hk_rpc_error {
    int code;
    char message[320];
    const char *key;
    char text[96];
    unsigned long number;
};

/* Fills in an error; returns false, so that a check can end in it. */
bool hk_rpc_fail(struct hk_rpc_error *error, int code, const char *format, ...) HK_PRINTF(3, 4);
/* The same, about a parameter, with data. */
bool hk_rpc_fail_param(struct hk_rpc_error *error, const char *param, const char *format, ...)
    HK_PRINTF(3, 4);
bool hk_rpc_fail_limit(struct hk_rpc_error *error, const char *limit, const char *format, ...)
    HK_PRINTF(3, 4);

struct hk_request {
    cJSON *root;
    char *id; /* as JSON text; "null" where it could not be found out; NULL: a notification */
    const char *method;
    const cJSON *params; /* an object, or NULL */
};

/* Takes a line of len bytes apart. False with error filled in; the id is there where it could be found.
 * hk_request_free() is owed either way. */
bool hk_request_parse(struct hk_request *request, const char *line, size_t len, struct hk_rpc_error *error);
void hk_request_free(struct hk_request *request);

/* The beginning of an answer up to "result":, and its end with the newline. */
void hk_rpc_begin(struct hk_json *json, const char *id);
void hk_rpc_end(struct hk_json *json);

/* A whole answer that is an error. */
void hk_rpc_error(struct hk_json *json, const char *id, const struct hk_rpc_error *error);

#endif
