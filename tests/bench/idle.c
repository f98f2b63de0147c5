/*
 * idle.c - very many threads, of which hardly any does anything: a server with a thread for each client.
 *
 * usage: idle WAKES THREADS
 *
 * Each thread works for a moment (1,000 steps of random malloc and free over 32 slots of 16..1024 bytes) and
 * waits with what it holds. Then one at a time, drawn at random, is woken, does 32 steps more and waits
 * again. What is counted is wakes; what it is about is memory: RSS is read while all of them wait.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"

#define SLOTS       32u
#define FIRST_STEPS 1000u
#define STEPS       32u
#define STACK_BYTES (128u << 10)

struct client {
    pthread_t thread;
    sem_t wake;
    sem_t *done;
    uint64_t state;
    bool ends;
    char *slots[SLOTS];
};

static void work(struct client *client, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint64_t random = bench_random(&client->state);
        char **slot = &client->slots[random % SLOTS];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = bench_block(bench_size(16, 1009, random));
        }
    }
}

static void *live(void *arg)
{
    struct client *client = arg;
    bench_pin(0);
    work(client, FIRST_STEPS);
    for (;;) {
        sem_post(client->done);
        sem_wait(&client->wake);
        if (client->ends)
            break;
        work(client, STEPS);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        free(client->slots[i]);
    return NULL;
}

static void start(struct client *clients, unsigned threads, sem_t *done)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (unsigned i = 0; i < threads; i++) {
        clients[i].state = 42 + i;
        clients[i].done = done;
        sem_init(&clients[i].wake, 0, 0);
        if (pthread_create(&clients[i].thread, &attributes, live, &clients[i]) != 0) {
            perror("idle: pthread_create");
            exit(1);
        }
        sem_wait(done);
    }
    pthread_attr_destroy(&attributes);
}

static void end(struct client *clients, unsigned threads)
{
    for (unsigned i = 0; i < threads; i++) {
        clients[i].ends = true;
        sem_post(&clients[i].wake);
        pthread_join(clients[i].thread, NULL);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: idle WAKES THREADS\n");
        return 2;
    }
    uint64_t wakes = bench_number(argv[1], "WAKES", UINT64_MAX / 2), state = 42;
    unsigned threads = (unsigned)bench_number(argv[2], "THREADS", 30000);
    sem_t done;
    bench_start();
    bench_pin(0);
    sem_init(&done, 0, 0);
    struct client *clients = bench_pages(threads * sizeof *clients);
    start(clients, threads, &done);
    uint64_t begin = bench_now_ns();
    for (uint64_t i = 0; i < wakes; i++) {
        sem_post(&clients[(bench_random(&state) >> 32) % threads].wake);
        sem_wait(&done);
    }
    uint64_t ns = bench_now_ns() - begin;
    struct bench_memory memory = bench_memory();
    end(clients, threads);
    bench_report(&(struct bench_result){.name = "idle", .ops = wakes, .ns = ns}, memory);
    return 0;
}
