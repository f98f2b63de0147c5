/* stderr_line.c - see stderr_line.h. */
#include "lib/os/stderr_line.h"

#include "lib/os/syscall.h"
#include "shm/text.h"

void hk_report(const char *line)
{
    char text[320];
    struct hk_text t = hk_text_in(text, sizeof text - 1);
    hk_text_add(&t, "hakmem: ");
    hk_text_add(&t, line);
    text[t.len] = '\n';
    HK_SYSCALL(SYS_write, 2, text, t.len + 1);
}
