# Libraries of the daemon and the tool, each from the system's packages.

find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.40)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson>=1.7.15)

set(HAKMEM_HAVE_SYSTEMD OFF)
if(NOT HAKMEM_SYSTEMD STREQUAL "OFF")
  pkg_check_modules(SYSTEMD IMPORTED_TARGET libsystemd>=239)
  if(SYSTEMD_FOUND)
    set(HAKMEM_HAVE_SYSTEMD ON)
  elseif(HAKMEM_SYSTEMD STREQUAL "ON")
    message(FATAL_ERROR "HAKMEM_SYSTEMD=ON, but libsystemd was not found (Debian: libsystemd-dev)")
  endif()
endif()
message(STATUS "libsystemd: ${HAKMEM_HAVE_SYSTEMD}")
