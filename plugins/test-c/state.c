/*
 * test-state: counts its calls and answers with the number. Has the functions of a live upgrade: quiesce, save (the count as
 * eight bytes in a host buffer) and restore, of state version 3.
 */
#include <stdio.h>
#include <stdlib.h>

#include "skynet.h"

#define STATE_VERSION 3

typedef struct counter {
    uint64_t count;
    int quiet; /* once the service was asked to quiesce */
} counter;

static int32_t make(uint64_t count, void **instance) {
    counter *it = calloc(1, sizeof *it);
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    it->count = count;
    *instance = it;
    return SKYNET_STATUS_OK;
}

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    return make(0, instance);
}

static int32_t restore(skynet_context self, uint32_t state_version, skynet_text state, void **instance) {
    uint64_t count;
    if (state_version != STATE_VERSION || state.len != sizeof count) return skynet_refuse(self, "unknown state");
    memcpy(&count, state.data, sizeof count);
    return make(count, instance);
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    counter *it = instance;
    char text[32];
    if (it->quiet) {
        skynet_reply_error(self, message, SKYNET_REASON_REFUSED, "about to be replaced");
        return SKYNET_DELIVER_RELEASE;
    }
    it->count++;
    skynet_reply(self, message, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)it->count));
    return SKYNET_DELIVER_RELEASE;
}

static int32_t quiesce(void *instance, skynet_context self) {
    (void)self;
    ((counter *)instance)->quiet = 1;
    return SKYNET_STATUS_OK;
}

static int32_t save(void *instance, skynet_context self, skynet_buffer *state) {
    counter *it = instance;
    (void)self;
    state->data = skynet_node.buffer_alloc(sizeof it->count);
    if (state->data == NULL) return SKYNET_STATUS_NO_MEMORY;
    memcpy(state->data, &it->count, sizeof it->count);
    state->len = sizeof it->count;
    return SKYNET_STATUS_OK;
}

static void release(void *instance, skynet_context self) {
    (void)self;
    free(instance);
}

SKYNET_PLUGIN("test-state", "1.0", 1,
              SKYNET_MODULE_FULL("test-state", STATE_VERSION, create, deliver, NULL, release, quiesce, save, restore))
