/*
 * segment_fuzz.c - a process with a segment, from its hello to its end, that writes what it likes.
 *
 * The input is a list of changes to a good segment and hello: round, place, length, bytes. They are made
 * before the hello and between samples, in memory that the daemon's own code then reads through its
 * descriptors. Then the process says hello again, as after a restart of the daemon. Whatever is in it,
 * answers about it are JSON, and memory and descriptors come back.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/control/report.h"
#include "daemon/daemon.h"
#include "daemon/intake/admission.h"
#include "daemon/model/family.h"
#include "daemon/model/process.h"
#include "daemon/sources/procfs.h"
#include "daemon/tuning/tuning_writer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tools/segment_writer.h"

#define CELLS  8
#define ROUNDS 4

enum where { IN_COUNTERS, IN_TUNING, IN_HELLO, PLACES };

static struct hk_daemon *daemon_;
static struct segment_writer model;
static struct hk_hello model_hello;

static void start(void)
{
    daemon_ = calloc(1, sizeof *daemon_);
    hk_log_set_level(HK_LOG_ERROR);
    hk_config_init(&daemon_->config);
    daemon_->interval_ms = 1000;
    daemon_->process_room = 1000;
    hk_registry_init(&daemon_->registry);
    FUZZ_CHECK(uv_loop_init(&daemon_->loop) == 0);
    hk_names_init(&daemon_->names, &daemon_->loop);
    writer_make(&model, 24, CELLS);
    FUZZ_CHECK(writer_claim_area(&model, "model", "label") && writer_claim_slot(&model) &&
               writer_claim_slot(&model));
    writer_count(&model, 0, 3, 100, 50, 2, 120);
    writer_count(&model, 1, 7, 10, 5, 1, 20);
    model_hello = (struct hk_hello){.magic = HK_HELLO_MAGIC,
                                    .abi_major = HK_ABI_MAJOR,
                                    .bytes = sizeof model_hello,
                                    .pid = (uint32_t)getpid(),
                                    .comm = "model",
                                    .exe = "/model"};
}

/* A memfd with those bytes and seals, and a mapping that writes to it. */
static int copy(const void *bytes, size_t size, int seals, unsigned char **map)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FUZZ_CHECK(*map != MAP_FAILED);
    memcpy(*map, bytes, size);
    FUZZ_CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

struct target {
    unsigned char *bytes[PLACES];
    size_t sizes[PLACES];
};

/* The changes of one round: each 2 bytes of round, place and length, 3 of offset, then the bytes. */
static void change(const struct target *t, unsigned round, const uint8_t *data, size_t size)
{
    size_t i = 0;
    while (i + 5 <= size) {
        unsigned when = data[i] % ROUNDS, where = data[i] / ROUNDS % PLACES;
        size_t len = data[i + 1] % 32 + 1;
        size_t at = (size_t)data[i + 2] | (size_t)data[i + 3] << 8 | (size_t)data[i + 4] << 16;
        i += 5;
        if (len > size - i)
            len = size - i;
        at %= t->sizes[where];
        if (len > t->sizes[where] - at)
            len = t->sizes[where] - at;
        if (when == round)
            memcpy(t->bytes[where] + at, data + i, len);
        i += len;
    }
}

static void check_json(struct hk_json *json)
{
    size_t len;
    char *text = hk_json_take(json, &len);
    cJSON *back = cJSON_Parse(text);
    FUZZ_CHECK(back);
    cJSON_Delete(back);
    free(text);
}

static void ask(void)
{
    static const struct hk_viewer root = {.everything = true};
    struct hk_json json = {0};
    struct hk_params params = {.dead = true, .classes = true};
    hk_report_list(&json, NULL, daemon_, &root, &params);
    check_json(&json);
    hk_report_stats(&json, NULL, daemon_, &root, &params);
    check_json(&json);
    hk_report_tuning(&json, NULL, daemon_, &root, &params);
    check_json(&json);
    params.host = true;
    hk_report_stats(&json, NULL, daemon_, &root, &params);
    check_json(&json);
}

static void steer(struct hk_family *family, unsigned round)
{
    uint64_t now = hk_now_ns();
    hk_tune_set(&family->tuning, round % HK_VALUES, HK_STEER_OPERATOR, 100, now + HK_NS_PER_S);
    hk_tuner_publish(family, true, now);
    hk_tuner_command(family, round % 2 ? HK_COMMAND_TRIM : HK_COMMAND_FLUSH);
    hk_tuner_beat(family, now + round * HK_NS_PER_S);
}

static void live(const struct target *t, const uint8_t *data, size_t size)
{
    struct hk_family *family;
    for (unsigned round = 1; round < ROUNDS; round++) {
        change(t, round, data, size);
        TAILQ_FOREACH(family, &daemon_->registry.families, link)
        {
            steer(family, round);
            hk_family_sample(family, ++daemon_->samples, hk_now_ns());
            struct hk_process *process;
            TAILQ_FOREACH(process, &family->processes, link)
            {
                hk_family_read_area(process);
            }
        }
        ask();
    }
}

static void end_all(void)
{
    struct hk_registry *registry = &daemon_->registry;
    struct hk_family *family;
    while (registry->process_count > 0)
        hk_process_end(registry->processes[0], HK_ENDED_ANYHOW);
    hk_registry_trim_dead(registry, 0, 0, UINT64_MAX);
    ask();
    while ((family = TAILQ_FIRST(&registry->families)) != NULL)
        hk_family_free(family);
    hk_registry_clear(registry);
    hk_pid_names_clear(&daemon_->pid_names);
    uv_run(&daemon_->loop, UV_RUN_NOWAIT);
}

/* A hello with a segment of its own, and what is said of it afterwards. */
static void greet(uint32_t flags, const uint8_t *data, size_t size)
{
    struct hk_arrival arrival = {.pid = getpid(), .uid = getuid(), .pidfd = hk_pidfd_open(getpid())};
    struct hk_hello hello = model_hello;
    struct target t;
    int common = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    hello.flags = flags;
    t.bytes[IN_HELLO] = (unsigned char *)&hello;
    t.sizes[IN_HELLO] = sizeof hello;
    t.sizes[IN_COUNTERS] = model.size;
    t.sizes[IN_TUNING] = HK_TUNING_BYTES;
    arrival.counters_fd = copy(model.base, model.size, common | 0x10, &t.bytes[IN_COUNTERS]);
    arrival.tuning_fd = copy(model.page, HK_TUNING_BYTES, common, &t.bytes[IN_TUNING]);
    change(&t, 0, data, size);
    hk_proc_start_ticks(arrival.pid, &arrival.start_ticks);
    if (!hk_hello_parse(&hello, sizeof hello, &arrival.hello)) {
        if (!hk_arrive(daemon_, &arrival))
            live(&t, data, size);
    } else {
        close(arrival.counters_fd);
        close(arrival.tuning_fd);
        close(arrival.pidfd);
    }
    munmap(t.bytes[IN_COUNTERS], model.size);
    munmap(t.bytes[IN_TUNING], HK_TUNING_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!daemon_)
        start();
    greet(0, data, size);
    greet(HK_HELLO_REPEATED, data, size);
    end_all();
    return 0;
}
