/*
 * test-relay <:handle>: keeps every message it gets, and passes each on 20 ms later without copying, in the name of its
 * sender and in the order they came. What is still kept when the service ends is freed.
 */
#include <stdlib.h>

#include "skynet.h"

typedef struct held {
    struct held *next;
    skynet_message message;
} held;

typedef struct relay {
    uint32_t destination;
    held *first, **last;
} relay;

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    relay *it;
    if (args.len < 2 || args.data[0] != ':') return skynet_refuse(self, "wanted a handle such as :0000000a");
    it = calloc(1, sizeof *it);
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    for (size_t i = 1; i < args.len; i++) {
        const char c = args.data[i];
        it->destination = it->destination * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    it->last = &it->first;
    *instance = it;
    return SKYNET_STATUS_OK;
}

static void pass_on(relay *it, skynet_context self) {
    held *one = it->first;
    if (one == NULL) return;
    it->first = one->next;
    if (it->first == NULL) it->last = &it->first;
    if (skynet_forward(self, &one->message, it->destination) == SKYNET_DELIVER_RELEASE)
        skynet_node.buffer_free(one->message.data);
    free(one);
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    relay *it = instance;
    held *one;
    if (message->kind == SKYNET_KIND_TIMER) {
        pass_on(it, self);
        return SKYNET_DELIVER_RELEASE;
    }
    one = malloc(sizeof *one);
    if (one == NULL) return skynet_fail(self, "out of memory");
    one->message = *message;
    one->next = NULL;
    *it->last = one;
    it->last = &one->next;
    skynet_node.timer_set(self, 20, 0, NULL);
    return message->data != NULL ? SKYNET_DELIVER_KEEP : SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) {
    relay *it = instance;
    (void)self;
    while (it->first != NULL) {
        held *one = it->first;
        it->first = one->next;
        skynet_node.buffer_free(one->message.data);
        free(one);
    }
    free(it);
}

SKYNET_PLUGIN("test-relay", "1.0", 1, SKYNET_MODULE("test-relay", create, deliver, release))
