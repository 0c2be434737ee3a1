/*
 * Two modules in C.
 *
 * hello-c [greeting]       answers every call:
 *     COUNT                how many messages this service has had
 *     SLEEP <ms>           answers "slept" when so many milliseconds have passed; other messages are served meanwhile
 *     LOG <text>           writes the text to the node's log, answers "logged"
 *     KEEP <text>          keeps the message itself, without copying; answers "kept"
 *     KEPT                 answers with the message that was kept, again without copying
 *     anything else        "hello, <payload>"
 * hello-forward <:handle>  passes every message on; the receiver answers the original caller
 */
#include <stdio.h>
#include <stdlib.h>

#include "skynet.h"

/* Somebody who waits for SLEEP. */
typedef struct sleeper {
    struct sleeper *next;
    skynet_message caller; /* source, session and flags of the call */
} sleeper;

typedef struct hello {
    char greeting[64];
    unsigned long count;
    sleeper *sleepers;
    skynet_buffer kept;
} hello;

static int32_t hello_create(skynet_context self, skynet_text args, void **instance) {
    hello *it;
    if (args.len >= sizeof it->greeting) return skynet_refuse(self, "the greeting is longer than 63 bytes");
    it = calloc(1, sizeof *it);
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    if (args.len == 0) args = skynet_str("hello");
    memcpy(it->greeting, args.data, args.len);
    *instance = it;
    return SKYNET_STATUS_OK;
}

/* Whether the payload is `word`, alone or followed by a blank; `rest` is what follows. */
static int command(const skynet_message *message, const char *word, skynet_text *rest) {
    const size_t len = strlen(word);
    const char *data = message->data;
    if (message->len < len || memcmp(data, word, len) != 0) return 0;
    if (message->len > len && data[len] != ' ') return 0;
    *rest = message->len > len ? skynet_bytes(data + len + 1, message->len - len - 1) : skynet_str("");
    return 1;
}

/* "hello, <payload>", built in the buffer that travels. */
static void greet(hello *it, skynet_context self, const skynet_message *message) {
    const size_t head = strlen(it->greeting), len = head + 2 + message->len;
    char *answer = skynet_node.buffer_alloc(len);
    if (answer == NULL) {
        skynet_reply_error(self, message, SKYNET_REASON_FAILED, "out of memory");
        return;
    }
    memcpy(answer, it->greeting, head);
    memcpy(answer + head, ", ", 2);
    if (message->len > 0) memcpy(answer + head + 2, message->data, message->len);
    skynet_reply_owned(self, message, answer, len);
}

/* The answer comes with the timer. */
static void start_sleep(hello *it, skynet_context self, const skynet_message *message, skynet_text milliseconds) {
    sleeper *one = malloc(sizeof *one);
    char *end;
    /* A payload has a hidden 0 byte behind it, so the number ends. */
    const unsigned long delay = strtoul(milliseconds.data, &end, 10);
    if (one == NULL || milliseconds.len == 0 || end != milliseconds.data + milliseconds.len) {
        free(one);
        skynet_reply_error(self, message, SKYNET_REASON_REFUSED, "SLEEP wants milliseconds");
        return;
    }
    one->caller = *message;
    one->next = it->sleepers;
    it->sleepers = one;
    skynet_node.timer_set(self, delay, (uintptr_t)one, NULL);
}

static void end_sleep(hello *it, skynet_context self, uint64_t value) {
    sleeper **link = &it->sleepers;
    while (*link != NULL && (uintptr_t)*link != value) link = &(*link)->next;
    if (*link != NULL) {
        sleeper *one = *link;
        *link = one->next;
        skynet_reply(self, &one->caller, "slept", 5);
        free(one);
    }
}

static int32_t hello_deliver(void *instance, skynet_context self, const skynet_message *message) {
    hello *it = instance;
    skynet_text rest;
    char number[32];
    if (message->kind == SKYNET_KIND_TIMER) {
        end_sleep(it, self, message->value);
        return SKYNET_DELIVER_RELEASE;
    }
    it->count++;
    if (command(message, "COUNT", &rest)) {
        const int len = snprintf(number, sizeof number, "%lu", it->count);
        skynet_reply(self, message, number, (size_t)len);
    } else if (command(message, "SLEEP", &rest)) {
        start_sleep(it, self, message, rest);
    } else if (command(message, "LOG", &rest)) {
        skynet_node.log(self, SKYNET_LEVEL_INFO, skynet_str("hello-c"), rest);
        skynet_reply(self, message, "logged", 6);
    } else if (command(message, "KEEP", &rest)) {
        skynet_node.buffer_free(it->kept.data);
        it->kept.data = message->data;
        it->kept.len = message->len;
        skynet_reply(self, message, "kept", 4);
        return SKYNET_DELIVER_KEEP;
    } else if (command(message, "KEPT", &rest) && it->kept.data != NULL) {
        skynet_reply_owned(self, message, it->kept.data, it->kept.len);
        it->kept.data = NULL;
    } else {
        greet(it, self, message);
    }
    return SKYNET_DELIVER_RELEASE;
}

static void hello_release(void *instance, skynet_context self) {
    hello *it = instance;
    (void)self;
    while (it->sleepers != NULL) {
        sleeper *one = it->sleepers;
        it->sleepers = one->next;
        free(one);
    }
    skynet_node.buffer_free(it->kept.data);
    free(it);
}

static int32_t forward_create(skynet_context self, skynet_text args, void **instance) {
    char text[16] = {0};
    unsigned long handle;
    if (args.len < 2 || args.len >= sizeof text || args.data[0] != ':')
        return skynet_refuse(self, "wanted the handle to forward to, such as :0000000a");
    memcpy(text, args.data + 1, args.len - 1);
    handle = strtoul(text, NULL, 16);
    if (handle == 0) return skynet_refuse(self, "wanted the handle to forward to, such as :0000000a");
    *instance = (void *)(uintptr_t)handle;
    return SKYNET_STATUS_OK;
}

static int32_t forward_deliver(void *instance, skynet_context self, const skynet_message *message) {
    return skynet_forward(self, message, (uint32_t)(uintptr_t)instance);
}

static void forward_release(void *instance, skynet_context self) {
    (void)instance;
    (void)self;
}

SKYNET_PLUGIN("hello-c", "1.0", 2, SKYNET_MODULE("hello-c", hello_create, hello_deliver, hello_release),
              SKYNET_MODULE("hello-forward", forward_create, forward_deliver, forward_release))
