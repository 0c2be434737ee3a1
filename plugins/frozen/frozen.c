/*
 * A plugin as of version 1.0, with its own copy of the header as of then. Neither file is ever changed again: every node
 * of 1.x must load what a compiler makes of them. Answers every call with "frozen 1.0: <payload>".
 */
#include "skynet-1.0.h"

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    static const char head[] = "frozen 1.0: ";
    const size_t len = sizeof head - 1;
    char *text = skynet_node.buffer_alloc(len + message->len);
    (void)instance;
    if (text == NULL) return skynet_fail(self, "out of memory");
    memcpy(text, head, len);
    if (message->len > 0) memcpy(text + len, message->data, message->len);
    skynet_reply_owned(self, message, text, len + message->len);
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) { (void)instance, (void)self; }

SKYNET_PLUGIN("test-frozen", "1.0", 1, SKYNET_MODULE("test-frozen", create, deliver, release))
