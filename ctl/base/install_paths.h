/*
 * install_paths.h - where hakmem's files are: the library to preload, the daemon to start.
 *
 * Beside the tool in a build folder, else where they were installed.
 */
#ifndef HAKMEM_CTL_BASE_INSTALL_PATHS_H
#define HAKMEM_CTL_BASE_INSTALL_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* Path of libhakmem.so into buf: $HAKMEM_LIBRARY and nothing else where that is set. False, with a sentence
 * in error: there is none, or the dynamic linker could not take the path (blanks, ':' and '$' have a meaning
 * in LD_PRELOAD). */
bool hk_install_path_library(char *buf, size_t size, char *error, size_t error_size);

/* Where libhakmem.so is installed in the system below root, as that system sees it. False: nowhere. */
bool hk_install_path_library_below(const char *root, char *buf, size_t size);

/* Whether LD_PRELOAD can hold the path. False, with a sentence in error. */
bool hk_install_path_is_preloadable(const char *path, char *error, size_t size);

/* Path of hakmemd into buf; looked for in $PATH last. False: there is none. */
bool hk_install_path_daemon(char *buf, size_t size);

/* Path of a program as a shell would find it. 0, or ENOENT (not found) or EACCES (found, not executable). */
int hk_install_path_search(const char *name, char *buf, size_t size);

#endif
