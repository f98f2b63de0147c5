# Compiler settings of every target: language, warnings, hardening, sanitizers.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(hakmem_options INTERFACE)
target_include_directories(hakmem_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(hakmem_options INTERFACE _GNU_SOURCE HAKMEM_VERSION="${PROJECT_VERSION}")
target_compile_options(hakmem_options INTERFACE
  -Wall -Wextra -Wshadow -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wwrite-strings
  -Wpointer-arith -Wformat=2 -Wvla -fno-common
  $<$<BOOL:${HAKMEM_WERROR}>:-Werror>)
target_link_options(hakmem_options INTERFACE -Wl,-z,relro -Wl,-z,now)

if(HAKMEM_SANITIZE)
  target_compile_options(hakmem_options INTERFACE
    -fsanitize=${HAKMEM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(hakmem_options INTERFACE -fsanitize=${HAKMEM_SANITIZE})
else()
  # clang leaves the sanitizers' own symbols to the program: a library of such a build has not all it needs.
  target_link_options(hakmem_options INTERFACE -Wl,-z,defs)
endif()

# Which lines are run (`./dev coverage`). Counted atomically, for the allocator's threads; clang's own way is another.
if(HAKMEM_COVERAGE)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "HAKMEM_COVERAGE=ON wants gcc, for gcov")
  endif()
  target_compile_options(hakmem_options INTERFACE --coverage -fprofile-update=atomic)
  add_link_options(--coverage) # of programs, too, that only link libhakmem.a
endif()

# Asked once, in plain words: without it the first thing that fails is a structure in the middle of lib/.
include(CheckSymbolExists)
check_symbol_exists(mallinfo2 malloc.h HAKMEM_HAS_MALLINFO2)
if(NOT HAKMEM_HAS_MALLINFO2)
  message(FATAL_ERROR "hakmem is for the GNU C library, 2.33 or newer: malloc.h here has no mallinfo2()")
endif()
