/* size_class.c - see size_class.h. The tables are made by the compiler out of size_classes.def. */
#include "lib/base/size_class.h"

/* Enumerators count on by themselves: each FROM_ is one more than the TO_ before it. */
enum {
#define HK_SIZE_CLASS(bytes) FROM_##bytes, TO_##bytes = (bytes),
#include "lib/base/size_classes.def"
};

enum {
#define HK_SIZE_CLASS(bytes) INDEX_##bytes,
#include "lib/base/size_classes.def"
};

#define BIN(index)  (uint16_t)(((index) + 1) << HK_BIN_SHIFT)
#define LAST_FINE   (HK_FINE_MAX >> HK_FINE_SHIFT)
#define LAST_COARSE (HK_SMALL_MAX >> HK_COARSE_SHIFT)
#define STEP(bytes, shift, last)                                                                             \
    (((bytes) + (1 << (shift)) - 1) >> (shift) < (last) ? ((bytes) + (1 << (shift)) - 1) >> (shift) : (last))

/* Classes beyond a table's end fall on its last entry, which the class that ends there must win: the fine
 * table is written from there down, hence the overriding. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif

const uint16_t hk_fine_bins[LAST_FINE + 1] = {
#define HK_SIZE_CLASS(bytes)                                                                                 \
    [STEP(FROM_##bytes, HK_FINE_SHIFT, LAST_FINE)... STEP(TO_##bytes, HK_FINE_SHIFT, LAST_FINE)] = BIN(      \
        INDEX_##bytes),
#include "lib/base/size_classes.def"
    [LAST_FINE] = BIN(INDEX_1024),
};

/* Below 1 KiB several classes share a step and the entries mean nothing: the fine table serves those. */
const uint16_t hk_coarse_bins[LAST_COARSE + 1] = {
#define HK_SIZE_CLASS(bytes)                                                                                 \
    [STEP(FROM_##bytes, HK_COARSE_SHIFT, LAST_COARSE)... STEP(TO_##bytes, HK_COARSE_SHIFT,                   \
                                                              LAST_COARSE)] = BIN(INDEX_##bytes),
#include "lib/base/size_classes.def"
};

#pragma GCC diagnostic pop

/* Shorter blocks are not worth moving when they shrink. */
#define STAYS_SHORT 64

/* Reciprocals are rounded up, so that exact multiples come out exact. */
const struct hk_class_info hk_classes[HK_CLASSES] = {
#define HK_SIZE_CLASS(size)                                                                                  \
    {.bytes = (size),                                                                                        \
     .capacity = HK_SLAB_BYTES / (size),                                                                     \
     .reciprocal = (uint32_t)(((UINT64_C(1) << 32) + (size)-1) / (size)),                                    \
     .least = (size) <= STAYS_SHORT ? 1 : (size) / 2 + 1},
#include "lib/base/size_classes.def"
};

#define HK_SIZE_CLASS(bytes)                                                                                 \
    HK_STATIC_ASSERT((bytes) % HK_MIN_ALIGN == 0, "blocks of every class are aligned to 16");                \
    HK_STATIC_ASSERT((bytes) <= HK_FINE_MAX || (bytes) % (1 << HK_COARSE_SHIFT) == 0,                        \
                     "classes above 1 KiB end on a step of the coarse table");                               \
    HK_STATIC_ASSERT((bytes)-FROM_##bytes <= ((bytes) & -(bytes)),                                           \
                     "what is rounded up to an alignment falls on a class that is a multiple of it");
#include "lib/base/size_classes.def"
