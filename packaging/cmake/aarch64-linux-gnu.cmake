# Builds for aarch64 on another machine, with Debian's cross compiler: CMAKE_TOOLCHAIN_FILE.
#
# HAKMEM_SYSROOT names a folder that holds the other machine's libraries as its root would; packaging/sysroot.sh
# makes one out of Debian's packages. Tests run under qemu-user, HAKMEM_EMULATED_PAGE being the size of its pages.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(HAKMEM_SYSROOT /usr/aarch64-linux-gnu CACHE PATH "Root that holds the libraries of aarch64")
set(HAKMEM_EMULATED_PAGE 4096 CACHE STRING "Page size that tests run with under qemu-user: 4096, 16384 or 65536")
# What tries the compiler out is configured on its own, and knows only what is named here.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HAKMEM_SYSROOT)

if(NOT HAKMEM_SYSROOT STREQUAL "/usr/aarch64-linux-gnu")
  set(CMAKE_SYSROOT ${HAKMEM_SYSROOT})
  set(ENV{PKG_CONFIG_SYSROOT_DIR} ${HAKMEM_SYSROOT})
  set(ENV{PKG_CONFIG_LIBDIR} ${HAKMEM_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${HAKMEM_SYSROOT}/usr/share/pkgconfig)
endif()
set(CMAKE_FIND_ROOT_PATH ${HAKMEM_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(HAKMEM_QEMU qemu-aarch64)
if(HAKMEM_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${HAKMEM_QEMU} -L ${HAKMEM_SYSROOT} -p ${HAKMEM_EMULATED_PAGE})
endif()
