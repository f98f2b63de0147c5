/*
 * asan_options.c - a preloaded library's answer to AddressSanitizer's question for defaults.
 *
 * A runtime that is a shared library ends the program if any library comes before it, because that one's
 * malloc would be used. This one's hands on to the runtime's (lib/harden/pass_through.h), so the check is
 * off. The runtime asks for defaults by this name (sanitizer/asan_interface.h); a program that answers itself
 * comes first, and ASAN_OPTIONS overrides both. Only libhakmem.so has this file.
 */
#include "shm/base.h"

HK_EXPORT const char *__asan_default_options(void);
const char *__asan_default_options(void) /* NOLINT(bugprone-reserved-identifier): the runtime's name for it */
{
    return "verify_asan_link_order=0";
}
