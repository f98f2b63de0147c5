/*
 * internal_names.h - the exported interface under names of this project, for an allocator beside another.
 *
 * Sanitizers and fuzzers bring an allocator that the program must keep. Where this is included before
 * everything else (-include), override.c, glibc_info.c and cxx.c define these names, and a test that was
 * written for the usual ones calls them.
 */
#ifndef HAKMEM_LIB_ENTRY_INTERNAL_NAMES_H
#define HAKMEM_LIB_ENTRY_INTERNAL_NAMES_H

/* Says to the sources that they are built under these names. */
#define HK_INTERNAL_NAMES

#define malloc             hk_named_malloc
#define free               hk_named_free
#define calloc             hk_named_calloc
#define realloc            hk_named_realloc
#define reallocarray       hk_named_reallocarray
#define aligned_alloc      hk_named_aligned_alloc
#define posix_memalign     hk_named_posix_memalign
#define memalign           hk_named_memalign
#define valloc             hk_named_valloc
#define pvalloc            hk_named_pvalloc
#define malloc_usable_size hk_named_malloc_usable_size
#define free_sized         hk_named_free_sized
#define free_aligned_sized hk_named_free_aligned_sized
#define cfree              hk_named_cfree

#define mallocx            hk_named_mallocx
#define rallocx            hk_named_rallocx
#define xallocx            hk_named_xallocx
#define sallocx            hk_named_sallocx
#define dallocx            hk_named_dallocx
#define sdallocx           hk_named_sdallocx
#define nallocx            hk_named_nallocx
#define mallctl            hk_named_mallctl
#define mallctlnametomib   hk_named_mallctlnametomib
#define mallctlbymib       hk_named_mallctlbymib
#define malloc_stats_print hk_named_malloc_stats_print
#define malloc_message     hk_named_malloc_message
#define malloc_conf        hk_named_malloc_conf

#define mallinfo     hk_named_mallinfo
#define mallinfo2    hk_named_mallinfo2
#define malloc_info  hk_named_malloc_info
#define malloc_stats hk_named_malloc_stats
#define malloc_trim  hk_named_malloc_trim
#define mallopt      hk_named_mallopt

#define _Znwm                               hk_named_Znwm
#define _Znam                               hk_named_Znam
#define _ZnwmRKSt9nothrow_t                 hk_named_ZnwmRKSt9nothrow_t
#define _ZnamRKSt9nothrow_t                 hk_named_ZnamRKSt9nothrow_t
#define _ZnwmSt11align_val_t                hk_named_ZnwmSt11align_val_t
#define _ZnamSt11align_val_t                hk_named_ZnamSt11align_val_t
#define _ZnwmSt11align_val_tRKSt9nothrow_t  hk_named_ZnwmSt11align_val_tRKSt9nothrow_t
#define _ZnamSt11align_val_tRKSt9nothrow_t  hk_named_ZnamSt11align_val_tRKSt9nothrow_t
#define _ZdlPv                              hk_named_ZdlPv
#define _ZdaPv                              hk_named_ZdaPv
#define _ZdlPvm                             hk_named_ZdlPvm
#define _ZdaPvm                             hk_named_ZdaPvm
#define _ZdlPvRKSt9nothrow_t                hk_named_ZdlPvRKSt9nothrow_t
#define _ZdaPvRKSt9nothrow_t                hk_named_ZdaPvRKSt9nothrow_t
#define _ZdlPvSt11align_val_t               hk_named_ZdlPvSt11align_val_t
#define _ZdaPvSt11align_val_t               hk_named_ZdaPvSt11align_val_t
#define _ZdlPvmSt11align_val_t              hk_named_ZdlPvmSt11align_val_t
#define _ZdaPvmSt11align_val_t              hk_named_ZdaPvmSt11align_val_t
#define _ZdlPvSt11align_val_tRKSt9nothrow_t hk_named_ZdlPvSt11align_val_tRKSt9nothrow_t
#define _ZdaPvSt11align_val_tRKSt9nothrow_t hk_named_ZdaPvSt11align_val_tRKSt9nothrow_t

#endif
