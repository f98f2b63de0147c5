/*
 * syscall.h - system calls without the C library in between.
 *
 * Raw, so that errno is never touched, nothing is a cancellation point, and no other library's wrapper
 * around mmap() is entered from inside malloc. Each returns the kernel's result, -errno on failure.
 */
#ifndef HAKMEM_LIB_OS_SYSCALL_H
#define HAKMEM_LIB_OS_SYSCALL_H

#include <sys/syscall.h>

#include "shm/base.h"

#if defined(__x86_64__)

HK_INLINE long hk_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

#elif defined(__aarch64__)

HK_INLINE long hk_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

#else
#error "hakmem runs on x86-64 and aarch64"
#endif

#define HK_SYSCALL(nr, ...) HK_SYSCALL_PAD(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define HK_SYSCALL_PAD(nr, a, b, c, d, e, f, ...)                                                            \
    hk_syscall6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
