/* complete_services.c - services that a completion offers: unit files there are, and what enable wrote; see
 * complete.h. */
#include <stdio.h>
#include <string.h>

#include "ctl/base/error_report.h"
#include "ctl/complete.h"
#include "ctl/service/service_list.h"

int hk_complete_services(bool enabled, const char *of_whom)
{
    bool user = of_whom && strcmp(of_whom, "--user") == 0;
    struct hk_service_scope scope = {.root = of_whom && of_whom[0] == '/' ? of_whom : "", .user = user};
    struct hk_service_names names;
    hk_service_names_read(&names, &scope, enabled);
    for (size_t i = 0; i < names.count; i++)
        puts(names.all[i]);
    hk_service_names_free(&names);
    return HK_EXIT_OK;
}
