/*
 * impostor.c - a program that describes itself as hakmem does, but in a format to come (argument 1), with
 * tables that no memory holds (argument 2), or not as a description begins.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct {
    char magic[16];
    uint32_t format;
    uint32_t rest[64];
} hakmem_description;

int main(int argc, char **argv)
{
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    int kind = argc > 1 ? atoi(argv[1]) : 0;
    memcpy(hakmem_description.magic, kind > 0 ? "hakmem describes" : "something else..", 16);
    hakmem_description.format = kind == 2 ? 1 : 99;
    hakmem_description.rest[0] = 80;
    memset(hakmem_description.rest + 1, 0xff, 4 * sizeof *hakmem_description.rest);
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 1;
    for (;;)
        pause();
}
