/*
 * program_fuzz.c - any bytes as a program: what is found of it is bounded, is words, and nothing is read
 * outside.
 *
 * The program's root is a directory that is not there, so that no interpreter and no library of this host is
 * opened.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/program/elf_file.h"
#include "ctl/program/program.h"
#include "tests/fuzz/fuzz.h"

static bool count_symbol(void *arg, const struct hk_elf_symbol *symbol)
{
    size_t *sum = arg;
    *sum += strlen(symbol->name);
    return true;
}

static bool count_entry(void *arg, enum hk_elf_entry entry, const char *text)
{
    size_t *sum = arg;
    FUZZ_CHECK(entry == HK_ELF_NEEDED || entry == HK_ELF_RUN_PATH);
    *sum += strlen(text);
    return true;
}

static void read_as_elf(int fd)
{
    struct hk_elf elf;
    char interpreter[16];
    size_t sum = 0;
    if (hk_elf_read(&elf, fd) == HK_ELF_OK) {
        hk_elf_each_symbol(&elf, false, count_symbol, &sum);
        hk_elf_each_entry(&elf, count_entry, &sum);
        if (hk_elf_interpreter(&elf, interpreter, sizeof interpreter))
            FUZZ_CHECK(strlen(interpreter) < sizeof interpreter);
        hk_elf_has_section(&elf, ".text");
    }
    hk_elf_free(&elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hk_program program;
    const struct hk_program_context place = {
        .root = "/nonexistent", .search = "/usr/bin", .uid = 1, .gid = 1};
    int fd = memfd_create("program", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    read_as_elf(fd);
    hk_program_inspect_file(&program, &place, fd, "/program");
    FUZZ_CHECK(program.count <= HK_PROGRAM_FOUND_MAX);
    FUZZ_CHECK(memchr(program.path, '\0', sizeof program.path));
    for (unsigned i = 0; i < program.count; i++) {
        FUZZ_CHECK(program.found[i].id < HK_PROGRAM_IDS);
        FUZZ_CHECK(i == 0 || program.found[i - 1].id <= program.found[i].id);
        free(hk_program_finding_text(&program, i));
    }
    close(fd);
    return 0;
}
