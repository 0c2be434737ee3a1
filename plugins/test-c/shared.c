/*
 * One payload for many services.
 *
 * test-shared          SEND <:handle>...  sends one text, "to all of you", to the services named; answers how many mailboxes
 *                      took it
 * test-shared-member   receives it; answers a call with "<messages> <shared> <intact>": how many texts came, how many of them
 *                      were marked as shared, and how many still had their bytes. Makes each payload its own, writes
 *                      into that, and keeps a counted reference to the shared one until the next text comes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "skynet.h"

static const char TEXT[] = "to all of you";
#define TEXT_LEN (sizeof TEXT - 1)
#define MOST 256

typedef struct member {
    unsigned messages, shared, intact;
    void *held;
} member;

static int32_t sender_create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}

static int32_t sender_deliver(void *instance, skynet_context self, const skynet_message *message) {
    uint32_t destinations[MOST];
    size_t count = 0, delivered = 0;
    const char *at = message->data;
    const char *const end = at + message->len;
    skynet_message text;
    char number[32];
    (void)instance;
    while (at < end && count < MOST) {
        if (*at++ == ':') destinations[count++] = (uint32_t)strtoul(at, NULL, 16);
    }
    text = skynet_message_to(0, SKYNET_KIND_TEXT, skynet_node.buffer_alloc(TEXT_LEN), TEXT_LEN);
    if (text.data == NULL) return skynet_fail(self, "out of memory");
    memcpy(text.data, TEXT, TEXT_LEN);
    text.flags = SKYNET_FLAG_OWNED | SKYNET_FLAG_SHARED;
    if (skynet_node.send_many(self, &text, destinations, count, &delivered) != SKYNET_STATUS_OK) {
        skynet_node.buffer_free(text.data);
        skynet_reply_error(self, message, SKYNET_REASON_FAILED, "send_many refused");
        return SKYNET_DELIVER_RELEASE;
    }
    skynet_reply(self, message, number, (size_t)snprintf(number, sizeof number, "%zu", delivered));
    return SKYNET_DELIVER_RELEASE;
}

static void sender_release(void *instance, skynet_context self) { (void)instance, (void)self; }

static int32_t member_create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = calloc(1, sizeof(member));
    return *instance != NULL ? SKYNET_STATUS_OK : SKYNET_STATUS_NO_MEMORY;
}

static int32_t member_deliver(void *instance, skynet_context self, const skynet_message *message) {
    member *it = instance;
    char answer[96], *own;
    if (skynet_is_call(message)) {
        const int len = snprintf(answer, sizeof answer, "%u %u %u", it->messages, it->shared, it->intact);
        skynet_reply(self, message, answer, (size_t)len);
        return SKYNET_DELIVER_RELEASE;
    }
    it->messages++;
    it->shared += (message->flags & SKYNET_FLAG_SHARED) != 0;
    skynet_node.buffer_free(it->held);
    it->held = skynet_node.buffer_ref(message->data);
    /* Ours alone now, whoever else has it: the payload of the others stays as it is. */
    own = skynet_node.buffer_unique(skynet_node.buffer_ref(message->data), message->len);
    if (own != NULL) {
        memset(own, 'x', message->len);
        skynet_node.buffer_free(own);
    }
    it->intact += message->len == TEXT_LEN && memcmp(it->held, TEXT, TEXT_LEN) == 0;
    return SKYNET_DELIVER_RELEASE;
}

static void member_release(void *instance, skynet_context self) {
    member *it = instance;
    (void)self;
    skynet_node.buffer_free(it->held);
    free(it);
}

SKYNET_PLUGIN("test-shared", "1.0", 2, SKYNET_MODULE("test-shared", sender_create, sender_deliver, sender_release),
              SKYNET_MODULE("test-shared-member", member_create, member_deliver, member_release))
