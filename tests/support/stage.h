/*
 * stage.h - a puppet that has greeted a listener of the test's own.
 */
#ifndef HAKMEM_TESTS_SUPPORT_STAGE_H
#define HAKMEM_TESTS_SUPPORT_STAGE_H

#include <string.h>

#include "tests/support/listener.h"
#include "tests/support/puppet.h"

struct stage {
    struct listener listener;
    struct puppet puppet;
    struct greeting greeting;
};

/* settings: NAME=VALUE of the puppet's environment, up to NULL; NULL for none. */
static inline struct stage stage_begin(const char *const *settings)
{
    struct stage s;
    memset(&s, 0, sizeof s);
    listener_open(&s.listener);
    puppet_start(&s.puppet, s.listener.dir, settings);
    listener_expect(&s.listener, &s.greeting);
    return s;
}

/* The puppet has ended already. */
static inline void stage_close(struct stage *s)
{
    greeting_drop(&s->greeting);
    listener_remove(&s->listener);
}

#endif
