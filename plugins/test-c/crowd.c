/*
 * Many services.
 *
 * test-idle    does nothing: has no instance, and answers no calls. WAIT keeps it in its turn for 2 ms.
 * test-crowd   one call at a time of
 *     LAUNCH <count> <module> <args>       launches so many; answered with "launched=N failed=N ns=N", N nanoseconds for one
 *     KILL                                 kills all of them; answered with "killed=N"
 *     ROUNDS <rounds> <count> <bytes>      in each round launches so many idle services, sends each of them four messages of
 *                                          that many bytes and a call, and kills them with that in their mailboxes; the next
 *                                          round begins when every call has ended. Answered with "errors=N replies=N
 *                                          refused=N"
 */
#include <time.h>

#include "words.h"

/* So many at once, before others get their turn. */
#define BATCH 500
/* One in so many services of a round is in its turn when it is killed. */
#define WAITING 100

/* ---- test-idle ---- */

static int32_t idle_create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}

static int32_t idle_deliver(void *instance, skynet_context self, const skynet_message *message) {
    static const struct timespec pause = {0, 2000000};
    words line = words_of(message->data, message->len);
    (void)instance, (void)self;
    if (word_is(rest_of(&line), "WAIT")) nanosleep(&pause, NULL);
    return SKYNET_DELIVER_RELEASE;
}

static void idle_release(void *instance, skynet_context self) { (void)instance, (void)self; }

/* ---- test-crowd ---- */

typedef enum task { NONE, LAUNCH, KILL, ROUNDS } task;

typedef struct crowd {
    task task;
    skynet_message asked;
    char line[256]; /* what is launched */
    size_t line_len;
    uint32_t *handles;
    size_t count, room;
    uint64_t wanted, added, failed, began;
    /* ROUNDS */
    uint64_t rounds, size, open, errors, replies, refused;
    char *bytes;
} crowd;

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = calloc(1, sizeof(crowd));
    return *instance != NULL ? SKYNET_STATUS_OK : SKYNET_STATUS_NO_MEMORY;
}

static void launch_one(crowd *it, skynet_context self) {
    uint32_t handle = 0;
    if (it->count == it->room) {
        const size_t room = it->room == 0 ? 1024 : it->room * 2;
        uint32_t *grown = realloc(it->handles, room * sizeof *grown);
        if (grown == NULL) {
            it->failed++;
            return;
        }
        it->handles = grown;
        it->room = room;
    }
    if (skynet_node.launch(self, skynet_bytes(it->line, it->line_len), &handle, NULL, NULL) < SKYNET_STATUS_OK)
        it->failed++;
    else it->handles[it->count++] = handle;
}

static void kill_one(crowd *it, skynet_context self) {
    char address[16];
    const int len = snprintf(address, sizeof address, ":%08x", it->handles[--it->count]);
    skynet_buffer result = {NULL, 0};
    skynet_node.command(self, skynet_str("KILL"), skynet_bytes(address, (size_t)len), &result);
    skynet_node.buffer_free(result.data);
}

static void fill_one(crowd *it, skynet_context self, size_t index) {
    skynet_message call = skynet_message_to(it->handles[index], SKYNET_KIND_TEXT, it->bytes, it->size);
    if (index % WAITING == 0) skynet_send(self, it->handles[index], SKYNET_KIND_TEXT, "WAIT", 4);
    for (int i = 0; i < 4; i++) skynet_send(self, it->handles[index], SKYNET_KIND_TEXT, it->bytes, it->size);
    call.flags = SKYNET_FLAG_CALL;
    if (skynet_node.send(self, &call, NULL) == SKYNET_STATUS_OK) it->open++;
    else it->refused++;
}

static void round_of(crowd *it, skynet_context self) {
    for (uint64_t i = 0; i < it->wanted; i++) launch_one(it, self);
    for (size_t i = 0; i < it->count; i++) fill_one(it, self, i);
    while (it->count > 0) kill_one(it, self);
}

/* Goes on in another turn, or answers. */
static void go_on(crowd *it, skynet_context self) {
    const unsigned long long failed = it->failed;
    switch (it->task) {
        case NONE: return;
        case LAUNCH:
            for (int i = 0; i < BATCH && it->count + it->failed < it->wanted; i++) launch_one(it, self);
            if (it->count + it->failed < it->wanted) break;
            reply_text(self, &it->asked, "launched=%llu failed=%llu ns=%llu", (unsigned long long)it->count, failed,
                       (unsigned long long)((skynet_node.now() - it->began) / (it->added == 0 ? 1 : it->added)));
            it->task = NONE;
            return;
        case KILL:
            for (int i = 0; i < BATCH && it->count > 0; i++) kill_one(it, self);
            if (it->count > 0) break;
            free(it->handles);
            it->handles = NULL;
            it->room = 0;
            reply_text(self, &it->asked, "killed=%llu", (unsigned long long)it->wanted);
            it->task = NONE;
            return;
        case ROUNDS:
            if (it->open > 0) return;
            if (it->rounds-- > 0) {
                round_of(it, self);
                if (it->open > 0) return;
                break;
            }
            reply_text(self, &it->asked, "errors=%llu replies=%llu refused=%llu", (unsigned long long)it->errors,
                       (unsigned long long)it->replies, (unsigned long long)it->refused);
            free(it->bytes);
            it->bytes = NULL;
            it->task = NONE;
            return;
    }
    skynet_node.wake(self, 0);
}

static int begin(crowd *it, const skynet_message *message) {
    words line = words_of(message->data, message->len);
    const skynet_text word = next_word(&line);
    skynet_text what = skynet_str("test-idle");
    it->failed = 0;
    it->wanted = it->count;
    if (word_is(word, "LAUNCH")) {
        it->task = LAUNCH;
        it->added = next_number(&line);
        it->wanted = it->count + it->added;
        what = rest_of(&line);
    } else if (word_is(word, "KILL")) {
        it->task = KILL;
    } else if (word_is(word, "ROUNDS")) {
        it->task = ROUNDS;
        it->rounds = next_number(&line);
        it->wanted = next_number(&line);
        it->size = next_number(&line);
        it->errors = it->replies = it->refused = 0;
        it->bytes = calloc(it->size + 1, 1);
    } else {
        return 0;
    }
    if (what.len > sizeof it->line || (it->task == ROUNDS && it->bytes == NULL)) {
        it->task = NONE;
        return 0;
    }
    memcpy(it->line, what.data, what.len);
    it->line_len = what.len;
    it->asked = *message;
    it->began = skynet_node.now();
    return 1;
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    crowd *it = instance;
    if (message->kind == SKYNET_KIND_RESPONSE || message->kind == SKYNET_KIND_ERROR) {
        it->open--;
        if (message->kind == SKYNET_KIND_ERROR) it->errors++;
        else it->replies++;
        go_on(it, self);
    } else if (message->kind == SKYNET_KIND_WAKE) {
        go_on(it, self);
    } else if (it->task == NONE && begin(it, message)) {
        go_on(it, self);
    } else {
        skynet_reply_error(self, message, SKYNET_REASON_REFUSED, "wanted LAUNCH, KILL or ROUNDS, one at a time");
    }
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) {
    crowd *it = instance;
    (void)self;
    free(it->handles);
    free(it->bytes);
    free(it);
}

SKYNET_PLUGIN("test-crowd", "1.0", 2, SKYNET_MODULE("test-crowd", create, deliver, release),
              SKYNET_MODULE("test-idle", idle_create, idle_deliver, idle_release))
