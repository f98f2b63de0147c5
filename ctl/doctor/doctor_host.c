/* doctor_host.c - what doctor sees without a daemon: the kernel and the library. */
#include <limits.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "ctl/base/install_paths.h"
#include "ctl/doctor/doctor.h"

void hk_doctor_host(struct hk_doctor *doctor)
{
    char path[PATH_MAX], error[PATH_MAX + 128];
    struct utsname host;
    unsigned major, minor;
    if (!hk_install_path_library(path, sizeof path, error, sizeof error))
        hk_finding_add(&doctor->findings, HK_FOUND_NO_LIBRARY, 0, NULL, "%s", error);
    if (uname(&host) == 0 && sscanf(host.release, "%u.%u", &major, &minor) == 2 &&
        (major < 5 || (major == 5 && minor < 14)))
        hk_finding_add(&doctor->findings, HK_FOUND_OLD_KERNEL, 0, NULL, "Linux %s", host.release);
}
