/*
 * test-signal: LOOP runs until SIGNAL comes, then answers "stopped by <number>": how a language layer breaks an endless loop
 * of its scripts. Other requests are answered with their payload.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "skynet.h"

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    atomic_int *it = malloc(sizeof *it);
    (void)self, (void)args;
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    atomic_init(it, -1);
    *instance = it;
    return SKYNET_STATUS_OK;
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    atomic_int *it = instance;
    char text[32];
    int number;
    if (message->len != 4 || memcmp(message->data, "LOOP", 4) != 0) {
        skynet_reply(self, message, message->data, message->len);
        return SKYNET_DELIVER_RELEASE;
    }
    while ((number = atomic_exchange(it, -1)) < 0) {
    }
    skynet_reply(self, message, text, (size_t)snprintf(text, sizeof text, "stopped by %d", number));
    return SKYNET_DELIVER_RELEASE;
}

/* Runs beside deliver: touches nothing but the atomic. */
static void on_signal(void *instance, skynet_context self, int32_t number) {
    (void)self;
    atomic_store((atomic_int *)instance, number);
}

static void release(void *instance, skynet_context self) {
    (void)self;
    free(instance);
}

SKYNET_PLUGIN("test-signal", "1.0", 1,
              SKYNET_MODULE_FULL("test-signal", 0, create, deliver, on_signal, release, NULL, NULL, NULL))
