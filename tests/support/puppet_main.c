/*
 * puppet_main.c - see puppet.h: the program that is led.
 *
 * Allocates nothing for itself: buffers are static, sets of blocks are mapped, input and output are raw.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/support/hakmem_api.h"

#define SETS       2048
#define MOST       (1u << 20) /* blocks in a set */
#define WORKERS    1024
#define STACK      (64u << 10)
#define LINE_BYTES 512

struct set {
    unsigned char **blocks; /* mapped when first used */
    size_t count;
    size_t size;
};

struct worker {
    pthread_t thread;
    char *stack;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *command; /* NULL: idle */
    unsigned set_offset;
    bool running, end;
    char reply[LINE_BYTES];
};

static struct set sets[SETS];
static struct worker workers[WORKERS];

static void execute(const char *line, unsigned set_offset, char *reply);

static void answer(char *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void answer(char *reply, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reply, LINE_BYTES, format, args);
    va_end(args);
}

/* ---- blocks ---- */

static bool prepare(struct set *s, size_t size, size_t more, char *reply)
{
    if (s->blocks == NULL) {
        void *p = mmap(NULL, MOST * sizeof *s->blocks, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        s->blocks = p != MAP_FAILED ? p : NULL;
    }
    if (s->blocks == NULL || s->count + more > MOST || (s->count != 0 && s->size != size)) {
        answer(reply, "!a set is for up to %u blocks of one size", MOST);
        return false;
    }
    s->size = size;
    return true;
}

/* Marks the block's ends with its address and its place. */
static void mark(unsigned char *p, size_t size, size_t index)
{
    uint64_t word = (uintptr_t)p ^ index * UINT64_C(0x9e3779b97f4a7c15);
    size_t n = size < sizeof word ? size : sizeof word;
    memcpy(p, &word, n);
    memcpy(p + size - n, &word, n);
}

static bool is_marked(const unsigned char *p, size_t size, size_t index)
{
    uint64_t word = (uintptr_t)p ^ index * UINT64_C(0x9e3779b97f4a7c15);
    size_t n = size < sizeof word ? size : sizeof word;
    return (n < size || memcmp(p, &word, n) == 0) && memcmp(p + size - n, &word, n) == 0;
}

static bool is_zero(const unsigned char *p, size_t size)
{
    return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

static void do_alloc(struct set *s, size_t size, size_t count, bool zeroed, char *reply)
{
    if (!prepare(s, size, count, reply))
        return;
    for (; count > 0; count--) {
        unsigned char *p = zeroed ? calloc(1, size) : malloc(size);
        if (p == NULL) {
            answer(reply, "!no memory: %s", strerror(errno));
            return;
        }
        if (zeroed && !is_zero(p, size)) {
            answer(reply, "!calloc gave what is not zero");
            return;
        }
        mark(p, size, s->count);
        s->blocks[s->count++] = p;
    }
}

static void do_touch(struct set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        for (size_t at = 0; at < s->size; at += 4096)
            s->blocks[i][at] = 1;
        mark(s->blocks[i], s->size, i);
    }
}

static bool check_and_free(struct set *s, size_t i, char *reply)
{
    if (!is_marked(s->blocks[i], s->size, i)) {
        answer(reply, "!block %zu of %zu bytes at %p was overwritten", i, s->size, (void *)s->blocks[i]);
        return false;
    }
    free(s->blocks[i]);
    return true;
}

static void free_first(struct set *s, size_t count, char *reply)
{
    for (size_t i = 0; i < count; i++) {
        if (!check_and_free(s, i, reply))
            return;
    }
    s->count -= count;
    for (size_t i = 0; i < s->count; i++) {
        s->blocks[i] = s->blocks[i + count];
        mark(s->blocks[i], s->size, i);
    }
}

static void free_last(struct set *s, size_t count, char *reply)
{
    for (; count > 0; count--) {
        s->count--;
        if (!check_and_free(s, s->count, reply))
            return;
    }
}

/* Shuffles first; the marks move with the places. */
static void free_random(struct set *s, size_t count, char *reply)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = s->count; i > 1; i--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size_t k = x % i;
        unsigned char *p = s->blocks[i - 1];
        s->blocks[i - 1] = s->blocks[k];
        s->blocks[k] = p;
    }
    for (size_t i = 0; i < s->count; i++)
        mark(s->blocks[i], s->size, i);
    free_last(s, count, reply);
}

static void do_free(struct set *s, size_t count, const char *order, char *reply)
{
    if (s->blocks == NULL)
        return;
    if (count == 0 || count > s->count)
        count = s->count;
    if (strcmp(order, "first") == 0)
        free_first(s, count, reply);
    else if (strcmp(order, "random") == 0)
        free_random(s, count, reply);
    else
        free_last(s, count, reply);
    if (s->count == 0) /* the list's own pages are no longer needed either */
        madvise(s->blocks, MOST * sizeof *s->blocks, MADV_DONTNEED);
}

static void do_realloc(struct set *s, size_t size, char *reply)
{
    for (size_t i = 0; i < s->count; i++) {
        uint64_t before, after;
        memcpy(&before, s->blocks[i], sizeof before);
        unsigned char *p = realloc(s->blocks[i], size);
        if (p == NULL) {
            answer(reply, "!no memory: %s", strerror(errno));
            return;
        }
        memcpy(&after, p, sizeof after);
        if (before != after) {
            answer(reply, "!realloc lost the contents of block %zu", i);
            return;
        }
        mark(p, size, i);
        s->blocks[i] = p;
    }
    s->size = size;
}

static void do_churn(size_t size, size_t count, size_t times, char *reply)
{
    enum { AT_ONCE = 4096 };
    unsigned char *blocks[AT_ONCE]; /* half a small stack */
    if (count > AT_ONCE) {
        answer(reply, "!churn is of up to %d blocks", AT_ONCE);
        return;
    }
    for (; times > 0; times--) {
        for (size_t i = 0; i < count; i++) {
            blocks[i] = malloc(size);
            if (blocks[i] == NULL) {
                answer(reply, "!no memory: %s", strerror(errno));
                return;
            }
            mark(blocks[i], size, i);
        }
        for (size_t i = 0; i < count; i++) {
            if (!is_marked(blocks[i], size, i)) {
                answer(reply, "!block %p was overwritten", (void *)blocks[i]);
                return;
            }
            free(blocks[i]);
        }
    }
}

static void do_snapshot(char *reply)
{
    struct hakmem_snapshot s;
    hakmem_snapshot(&s, sizeof s);
    const unsigned long long v[] = {s.allocs_total, s.frees_total,   s.live_blocks,    s.live_bytes,
                                    s.bin_bytes,    s.partial_bytes, s.retained_bytes, s.mapped_bytes};
    answer(reply, "%llu %llu %llu %llu %llu %llu %llu %llu", v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
}

/* ---- workers ---- */

static void *work(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->end) {
        if (w->command != NULL) {
            execute(w->command, w->set_offset, w->reply);
            w->command = NULL;
            pthread_cond_broadcast(&w->changed);
        }
        if (!w->end)
            pthread_cond_wait(&w->changed, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Stacks are mapped here and unmapped when the thread has ended: the C library would keep them. */
static void start_worker(struct worker *w, char *reply)
{
    pthread_attr_t attr;
    if (w->running)
        return;
    w->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (w->stack == MAP_FAILED) {
        answer(reply, "!no stack: %s", strerror(errno));
        return;
    }
    w->end = false;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    pthread_attr_init(&attr);
    pthread_attr_setstack(&attr, w->stack, STACK);
    int err = pthread_create(&w->thread, &attr, work, w);
    pthread_attr_destroy(&attr);
    w->running = err == 0;
    if (err != 0)
        answer(reply, "!no thread: %s", strerror(err));
}

static void stop_worker(struct worker *w)
{
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->end = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    munmap(w->stack, STACK);
    w->running = false;
}

static void lead(unsigned first, unsigned last, const char *command, char *reply)
{
    for (unsigned i = first; i <= last; i++) {
        struct worker *w = &workers[i];
        if (!w->running) {
            answer(reply, "!no worker %u", i);
            return;
        }
        pthread_mutex_lock(&w->lock);
        w->set_offset = i - first;
        w->command = command;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
    }
    for (unsigned i = first; i <= last; i++) {
        struct worker *w = &workers[i];
        pthread_mutex_lock(&w->lock);
        while (w->command != NULL)
            pthread_cond_wait(&w->changed, &w->lock);
        if (reply[0] != '!')
            answer(reply, "%s", w->reply);
        pthread_mutex_unlock(&w->lock);
    }
}

static void do_fork(const char *command, char *reply)
{
    int done[2];
    char child_reply[LINE_BYTES] = "!the child ended";
    if (pipe(done) != 0) {
        answer(reply, "!pipe: %s", strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execute(command, 0, child_reply);
        if (write(done[1], child_reply, sizeof child_reply) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    close(done[1]);
    if (pid < 0 || read(done[0], child_reply, sizeof child_reply) < 0)
        answer(child_reply, "!fork: %s", strerror(errno));
    close(done[0]);
    if (child_reply[0] == '!')
        answer(reply, "%s", child_reply);
    else
        answer(reply, "%d", (int)pid);
}

/* ---- commands ---- */

/* The next word of a line, "" at its end. */
static const char *next_word(const char **line, char *word, size_t size)
{
    size_t n = 0;
    while (**line == ' ')
        (*line)++;
    for (; **line != '\0' && **line != ' '; (*line)++) {
        if (n < size - 1)
            word[n++] = **line;
    }
    word[n] = '\0';
    return word;
}

static bool is_number(const char *at)
{
    while (*at == ' ')
        at++;
    return *at >= '0' && *at <= '9';
}

static size_t next_number(const char **line)
{
    char word[32];
    return is_number(*line) ? strtoull(next_word(line, word, sizeof word), NULL, 10) : 0;
}

static void on_workers(const char *verb, const char *line, char *reply)
{
    size_t first = next_number(&line), last = is_number(line) ? next_number(&line) : first;
    while (*line == ' ')
        line++;
    if (first > last || last >= WORKERS) {
        answer(reply, "!there are %d workers", WORKERS);
        return;
    }
    if (strcmp(verb, "on") == 0)
        lead((unsigned)first, (unsigned)last, line, reply);
    for (size_t i = first; i <= last && reply[0] != '!'; i++) {
        if (strcmp(verb, "start") == 0)
            start_worker(&workers[i], reply);
        else if (strcmp(verb, "stop") == 0)
            stop_worker(&workers[i]);
    }
}

static void on_set(const char *verb, const char *line, unsigned set_offset, char *reply)
{
    char order[16];
    size_t number = next_number(&line) + set_offset;
    if (number >= SETS) {
        answer(reply, "!there are %d sets", SETS);
        return;
    }
    size_t a = next_number(&line), b = next_number(&line);
    if (strcmp(verb, "free") == 0)
        do_free(&sets[number], a, next_word(&line, order, sizeof order), reply);
    else if (strcmp(verb, "realloc") == 0)
        do_realloc(&sets[number], a, reply);
    else if (strcmp(verb, "touch") == 0)
        do_touch(&sets[number]);
    else
        do_alloc(&sets[number], a, b, strcmp(verb, "calloc") == 0, reply);
}

static bool is_one_of(const char *word, const char *words)
{
    const char *at = strstr(words, word);
    size_t n = strlen(word);
    return n != 0 && at != NULL && (at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0');
}

static void ask_library(const char *verb, const char *line, char *reply)
{
    char name[64], value[64];
    if (strcmp(verb, "snapshot") == 0) {
        do_snapshot(reply);
    } else if (strcmp(verb, "tune") == 0) {
        next_word(&line, name, sizeof name);
        answer(reply, "%d", hakmem_tune(name, next_word(&line, value, sizeof value)));
    } else if (strcmp(verb, "label") == 0) {
        hakmem_label(*line != '\0' ? line + 1 : NULL);
    } else if (strcmp(verb, "trim") == 0) {
        answer(reply, "%zu", hakmem_trim(next_number(&line)));
    } else if (strcmp(verb, "malloc_trim") == 0) {
        answer(reply, "%d", malloc_trim(next_number(&line)));
    } else {
        int param = atoi(next_word(&line, name, sizeof name));
        answer(reply, "%d", mallopt(param, atoi(next_word(&line, value, sizeof value))));
    }
}

static void execute(const char *line, unsigned set_offset, char *reply)
{
    char verb[16];
    next_word(&line, verb, sizeof verb);
    answer(reply, "ok");
    if (is_one_of(verb, "alloc calloc touch free realloc")) {
        on_set(verb, line, set_offset, reply);
    } else if (is_one_of(verb, "start on stop")) {
        on_workers(verb, line, reply);
    } else if (is_one_of(verb, "snapshot tune label trim malloc_trim mallopt")) {
        ask_library(verb, line, reply);
    } else if (strcmp(verb, "churn") == 0) {
        size_t size = next_number(&line), count = next_number(&line);
        do_churn(size, count, next_number(&line), reply);
    } else if (strcmp(verb, "fork") == 0) {
        do_fork(line, reply);
    } else if (strcmp(verb, "leave") == 0) {
        exit((int)next_number(&line));
    } else {
        answer(reply, "!no such command: %s", verb);
    }
}

static void reply_line(char *reply)
{
    size_t n = strlen(reply);
    reply[n++] = '\n';
    if (write(STDOUT_FILENO, reply, n) < 0)
        _exit(1);
}

int main(void)
{
    static char line[LINE_BYTES], reply[LINE_BYTES + 1];
    size_t len = 0;
    answer(reply, hakmem_version != NULL ? "ready" : "!this is not hakmem");
    reply_line(reply);
    while (len < sizeof line && read(STDIN_FILENO, line + len, 1) == 1) {
        if (line[len] != '\n') {
            len++;
            continue;
        }
        line[len] = '\0';
        len = 0;
        execute(line, 0, reply);
        reply_line(reply);
    }
    return 0;
}
