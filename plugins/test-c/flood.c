/*
 * More messages than anybody can handle.
 *
 * test-flood <address> <batch> <total>    sends a batch in each of its turns, in all `total` messages (0: until it is told to
 *                                         STOP). A call is answered with "sent=N full=N other=N". Messages that are refused
 *                                         count as tried.
 * test-sink <limit> <ns>                  takes them, and takes that long for each. Its mailbox holds `limit` of them (0: no
 *                                         bound). A call of
 *     COUNT                               is answered with "count=N"
 *     ASK <address> <count> <ms>          calls so often, then does not leave its turn for so long; answered with "replies=N
 *                                         errors=N" when every call has ended
 */
#include <time.h>

#include "words.h"

/* ---- test-flood ---- */

typedef struct flood {
    char address[64];
    size_t address_len;
    uint64_t batch, total, tried, sent, full, other;
    int stopped;
} flood;

static int32_t flood_create(skynet_context self, skynet_text args, void **instance) {
    words line = words_of(args.data, args.len);
    const skynet_text address = next_word(&line);
    flood *it = calloc(1, sizeof *it);
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    if (address.len == 0 || address.len > sizeof it->address) {
        free(it);
        return skynet_refuse(self, "wanted <address> <batch> <total>");
    }
    memcpy(it->address, address.data, address.len);
    it->address_len = address.len;
    it->batch = next_number(&line);
    it->total = next_number(&line);
    skynet_node.wake(self, 0);
    *instance = it;
    return SKYNET_STATUS_OK;
}

static void send_batch(flood *it, skynet_context self) {
    const skynet_message message = message_to_name(skynet_bytes(it->address, it->address_len), SKYNET_KIND_TEXT,
                                                   skynet_str("a drop of the flood"));
    for (uint64_t i = 0; i < it->batch && !it->stopped && (it->total == 0 || it->tried < it->total); i++) {
        it->tried++;
        switch (skynet_node.send(self, &message, NULL)) {
            case SKYNET_STATUS_OK: it->sent++; break;
            case SKYNET_STATUS_FULL: it->full++; break;
            default: it->other++; break;
        }
    }
    if (!it->stopped && (it->total == 0 || it->tried < it->total)) skynet_node.wake(self, 0);
}

static int32_t flood_deliver(void *instance, skynet_context self, const skynet_message *message) {
    flood *it = instance;
    words line = words_of(message->data, message->len);
    if (message->kind == SKYNET_KIND_WAKE) {
        send_batch(it, self);
        return SKYNET_DELIVER_RELEASE;
    }
    if (word_is(rest_of(&line), "STOP")) it->stopped = 1;
    reply_text(self, message, "sent=%llu full=%llu other=%llu", (unsigned long long)it->sent,
               (unsigned long long)it->full, (unsigned long long)it->other);
    return SKYNET_DELIVER_RELEASE;
}

/* ---- test-sink ---- */

typedef struct sink {
    uint64_t cost, count;
    /* ASK */
    skynet_message asked;
    uint64_t open, replies, errors;
} sink;

static int32_t sink_create(skynet_context self, skynet_text args, void **instance) {
    words line = words_of(args.data, args.len);
    const uint64_t limit = next_number(&line);
    sink *it = calloc(1, sizeof *it);
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    if (limit != 0 && skynet_node.set_option(self, SKYNET_OPTION_MAILBOX_LIMIT, limit) != SKYNET_STATUS_OK) {
        free(it);
        return skynet_refuse(self, "the mailbox cannot be bounded");
    }
    it->cost = next_number(&line);
    *instance = it;
    return SKYNET_STATUS_OK;
}

static void ask(sink *it, skynet_context self, const skynet_message *message, words line) {
    const skynet_text address = next_word(&line);
    const uint64_t count = next_number(&line), hold = next_number(&line);
    const struct timespec pause = {(time_t)(hold / 1000), (long)(hold % 1000) * 1000000};
    skynet_message request = message_to_name(address, SKYNET_KIND_TEXT, skynet_str("asked"));
    request.flags |= SKYNET_FLAG_CALL;
    it->asked = *message;
    for (uint64_t i = 0; i < count; i++) it->open += skynet_node.send(self, &request, NULL) == SKYNET_STATUS_OK;
    nanosleep(&pause, NULL);
}

static void ask_ended(sink *it, skynet_context self, const skynet_message *message) {
    if (message->kind == SKYNET_KIND_ERROR) it->errors++;
    else it->replies++;
    if (--it->open == 0) {
        reply_text(self, &it->asked, "replies=%llu errors=%llu", (unsigned long long)it->replies,
                   (unsigned long long)it->errors);
    }
}

static int32_t sink_deliver(void *instance, skynet_context self, const skynet_message *message) {
    sink *it = instance;
    words line = words_of(message->data, message->len);
    if (message->kind == SKYNET_KIND_RESPONSE || message->kind == SKYNET_KIND_ERROR) {
        ask_ended(it, self, message);
    } else if (skynet_is_call(message)) {
        if (word_is(next_word(&line), "ASK")) ask(it, self, message, line);
        else reply_text(self, message, "count=%llu", (unsigned long long)it->count);
    } else {
        const uint64_t begin = it->cost == 0 ? 0 : skynet_node.now();
        while (it->cost != 0 && skynet_node.now() - begin < it->cost) {
        }
        it->count++;
    }
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) {
    (void)self;
    free(instance);
}

SKYNET_PLUGIN("test-flood", "1.0", 2, SKYNET_MODULE("test-flood", flood_create, flood_deliver, release),
              SKYNET_MODULE("test-sink", sink_create, sink_deliver, release))
