/*
 * cgroup.h - the systemd unit or container of a process, from its /proc/PID/cgroup. Pure.
 */
#ifndef HAKMEM_DAEMON_SOURCES_CGROUP_H
#define HAKMEM_DAEMON_SOURCES_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#define HK_UNIT_BYTES_MAX 256

/* Finds the innermost part of the path that is a *.service, a *.scope or a container's id (64 hex
 * digits), and copies it to out (HK_UNIT_BYTES_MAX). text is the file's content. Of a v1 hierarchy
 * systemd's own is looked at, else the first that says something. False if there is none. */
bool hk_cgroup_unit(const char *text, char *out);

#endif
