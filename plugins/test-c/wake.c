/*
 * test-wake: each instance has a thread of its own that wakes it every millisecond and goes on after the service has ended,
 * until the node says so. A call is answered with
 *     WAKES   how often this service was woken
 *     DEAD    how many threads of this plugin saw their service dead: one for each that was killed
 *     TURN    what a command from the foreign thread answered: -7 (outside the service's own turn)
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "skynet.h"

static atomic_uint dead_threads;

#define NOT_TRIED 1

typedef struct waker {
    skynet_context service;
    atomic_int command_status;
    atomic_int users; /* the service and its thread: the last one frees */
    unsigned wakes;
} waker;

static void leave(waker *it) {
    if (atomic_fetch_sub(&it->users, 1) == 1) free(it);
}

static void *run(void *argument) {
    waker *it = argument;
    const struct timespec pause = {0, 1000000};
    skynet_buffer result = {NULL, 0};
    atomic_store(&it->command_status, skynet_node.command(it->service, skynet_str("STARTTIME"), skynet_str(""), &result));
    skynet_node.buffer_free(result.data);
    while (skynet_node.wake(it->service, 1) != SKYNET_STATUS_DEAD) nanosleep(&pause, NULL);
    /* The token is void now: nothing of this may reach anybody, whoever has the handle by then. */
    if (skynet_send(it->service, it->service.handle, SKYNET_KIND_TEXT, "ghost", 5) == SKYNET_STATUS_DEAD &&
        skynet_node.timer_set(it->service, 0, 0, NULL) == SKYNET_STATUS_DEAD)
        atomic_fetch_add(&dead_threads, 1);
    skynet_node.log(it->service, SKYNET_LEVEL_DEBUG, skynet_str("test-wake"), skynet_str("the service has ended"));
    leave(it);
    return NULL;
}

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    pthread_t thread;
    waker *it = calloc(1, sizeof *it);
    (void)args;
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    it->service = self;
    atomic_store(&it->users, 2);
    atomic_store(&it->command_status, NOT_TRIED);
    if (pthread_create(&thread, NULL, run, it) != 0) {
        free(it);
        return skynet_refuse(self, "no thread");
    }
    pthread_detach(thread);
    *instance = it;
    return SKYNET_STATUS_OK;
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    waker *it = instance;
    char text[32];
    int len;
    if (message->kind == SKYNET_KIND_WAKE) {
        it->wakes++;
        return SKYNET_DELIVER_RELEASE;
    }
    if (message->len == 4 && memcmp(message->data, "DEAD", 4) == 0)
        len = snprintf(text, sizeof text, "%u", atomic_load(&dead_threads));
    else if (message->len == 4 && memcmp(message->data, "TURN", 4) == 0) {
        /* The thread may just be starting. */
        while (atomic_load(&it->command_status) == NOT_TRIED) sched_yield();
        len = snprintf(text, sizeof text, "%d", atomic_load(&it->command_status));
    } else
        len = snprintf(text, sizeof text, "%u", it->wakes);
    skynet_reply(self, message, text, (size_t)len);
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) {
    (void)self;
    leave(instance);
}

SKYNET_PLUGIN("test-wake", "1.0", 1, SKYNET_MODULE("test-wake", create, deliver, release))
