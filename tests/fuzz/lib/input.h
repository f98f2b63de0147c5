/*
 * input.h - an input taken as a sequence of small numbers; zeros when it has ended.
 */
#ifndef HAKMEM_TESTS_FUZZ_LIB_INPUT_H
#define HAKMEM_TESTS_FUZZ_LIB_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "shm/base.h"

struct input {
    const uint8_t *at, *end;
};

HK_INLINE unsigned input_byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

HK_INLINE unsigned input_word(struct input *in)
{
    unsigned low = input_byte(in);
    return low | input_byte(in) << 8;
}

#endif
