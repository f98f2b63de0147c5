/* plugin.h - what the plugins of these tests export, as a table: a program finds it by dlsym("plugin"). */
#ifndef HAKMEM_TESTS_DEEPBIND_PLUGIN_H
#define HAKMEM_TESTS_DEEPBIND_PLUGIN_H

#include <stddef.h>

enum { PLUGIN_KINDS = 12 };

struct plugin {
    /* A block of 100 bytes or more, made by one of PLUGIN_KINDS functions; NULL on failure. */
    void *(*make)(unsigned kind);
    /* Frees blocks that functions of the C library made; returns how many it freed. */
    int (*free_what_libc_made)(void);
    void *(*resize)(void *p, size_t size);
    size_t (*usable)(void *p);
    void (*release)(void *p);
    /* Calls same_name(), of which the program and each plugin have one. */
    int (*call_same_name)(void);
    /* dlopen(), called by the plugin. */
    void *(*open)(const char *file, int mode);
    /* dlerror(), likewise. */
    const char *(*error)(void);
    /* Runs a C++ plugin's containers and an exception; NULL in others. */
    int (*use_cxx)(void);
};

#endif
