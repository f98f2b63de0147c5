/*
 * dso.c - the name by which the C library tells this library's handlers from others'.
 *
 * The compiler's start files would define it; libhakmem.so is linked without them (lib/CMakeLists.txt).
 */

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the ABI's name */
extern const void *const __dso_handle __attribute__((visibility("hidden")));
const void *const __dso_handle = &__dso_handle; /* NOLINT(bugprone-reserved-identifier) */
