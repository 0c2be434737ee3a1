/*
 * test-caller [name]: does what it is told, and counts. With an argument it is called `.name`. A call of
 *     CALL <address> <count> <timeout ms> <text>   calls so often, all at once; answered when all have ended (see below)
 *     PING <address> <count> <pause ms>            calls so often, one after the other; "count=N failed=N p50=N p99=N max=N
 *                                                  late=N" is answered: round trips in microseconds, and the longest that an
 *                                                  answer came after its call was due
 *     SEND <address> <count> <text>                sends so often; "ok=N full=N dead=N other=N" is answered
 *     COMMAND <name> <parameter>                   runs a text command; its result is answered
 *     LAUNCH <module> <args>                       launches; the handle is answered once the service has started
 * CALL is answered with "replies=N errors=N refused=N twice=N reasons=<reason>:N,... text=<the first one>": a call that was
 * not even sent counts as refused, a second end of the same call as twice.
 */
#include "words.h"

#define REASONS 16

typedef enum task { CALL, PING, LAUNCH } task;

typedef struct job {
    struct job *next;
    task task;
    skynet_message asked; /* whom to answer; its payload is gone */
    int32_t first, last;  /* sessions */
    uint64_t count, open, failed;
    /* CALL */
    uint64_t replies, errors, refused, twice, reasons[REASONS];
    unsigned char *ends; /* one for each session from first to last */
    char text[256];
    size_t text_len;
    /* PING */
    uint64_t done, pause, due, sent_at, late, *times;
    char address[64];
    size_t address_len;
    /* LAUNCH */
    uint32_t handle;
} job;

typedef struct caller {
    job *jobs;
} caller;

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    char name[64];
    skynet_buffer result = {NULL, 0};
    caller *it;
    if (args.len > 0) {
        const int len = snprintf(name, sizeof name, ".%.*s", (int)args.len, args.data);
        const skynet_text parameter = skynet_bytes(name, (size_t)len);
        const int32_t status = skynet_node.command(self, skynet_str("REG"), parameter, &result);
        skynet_node.buffer_free(result.data);
        if (status != SKYNET_STATUS_OK) return skynet_refuse(self, "the name is taken");
    }
    it = calloc(1, sizeof *it);
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    *instance = it;
    return SKYNET_STATUS_OK;
}

static job *begin(caller *it, task task, const skynet_message *asked) {
    job *one = calloc(1, sizeof *one);
    if (one == NULL) return NULL;
    one->task = task;
    one->asked = *asked;
    one->asked.data = NULL;
    one->asked.len = 0;
    one->next = it->jobs;
    it->jobs = one;
    return one;
}

static void end(caller *it, job *gone) {
    job **at = &it->jobs;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    free(gone->ends);
    free(gone->times);
    free(gone);
}

/* ---- CALL ---- */

static void note_text(job *one, const skynet_message *message) {
    if (one->text_len != 0 || message->len == 0) return;
    one->text_len = message->len < sizeof one->text ? message->len : sizeof one->text;
    memcpy(one->text, message->data, one->text_len);
}

static void end_calls(caller *it, skynet_context self, job *one) {
    char reasons[256] = "";
    size_t len = 0;
    if (one->open != 0) return;
    for (unsigned reason = 0; reason < REASONS; reason++) {
        if (one->reasons[reason] == 0) continue;
        len += (size_t)snprintf(reasons + len, sizeof reasons - len, "%s%u:%llu", len == 0 ? "" : ",", reason,
                                (unsigned long long)one->reasons[reason]);
    }
    reply_text(self, &one->asked, "replies=%llu errors=%llu refused=%llu twice=%llu reasons=%s text=%.*s",
               (unsigned long long)one->replies, (unsigned long long)one->errors, (unsigned long long)one->refused,
               (unsigned long long)one->twice, reasons, (int)one->text_len, one->text);
    end(it, one);
}

static void call_many(caller *it, skynet_context self, const skynet_message *asked, words line) {
    const skynet_text address = next_word(&line);
    const uint64_t count = next_number(&line), timeout = next_number(&line);
    skynet_message request = message_to_name(address, SKYNET_KIND_TEXT, rest_of(&line));
    job *one = begin(it, CALL, asked);
    if (one == NULL || (one->ends = calloc(count + 1, 1)) == NULL) {
        skynet_reply_error(self, asked, SKYNET_REASON_FAILED, "out of memory");
        if (one != NULL) end(it, one);
        return;
    }
    request.flags |= SKYNET_FLAG_CALL;
    if (timeout != 0) request.deadline = skynet_node.now() + timeout * 1000000;
    one->count = count;
    for (uint64_t i = 0; i < count; i++) {
        int32_t session = 0;
        if (skynet_node.send(self, &request, &session) != SKYNET_STATUS_OK) {
            one->refused++;
            continue;
        }
        if (one->open++ == 0) one->first = session;
        one->last = session;
    }
    end_calls(it, self, one);
}

static void call_ended(caller *it, skynet_context self, job *one, const skynet_message *message) {
    const size_t index = (size_t)(message->session - one->first);
    if (one->ends[index]++ != 0) {
        one->twice++;
        return;
    }
    if (message->kind == SKYNET_KIND_ERROR) {
        one->errors++;
        one->reasons[message->reason < REASONS ? message->reason : 0]++;
    } else {
        one->replies++;
    }
    note_text(one, message);
    one->open--;
    end_calls(it, self, one);
}

/* ---- PING ---- */

static int compare(const void *one, const void *other) {
    const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static void end_pings(caller *it, skynet_context self, job *one) {
    unsigned long long p50 = 0, p99 = 0, max = 0;
    qsort(one->times, one->done, sizeof *one->times, compare);
    if (one->done > 0) {
        p50 = one->times[one->done / 2] / 1000;
        p99 = one->times[one->done - 1 - one->done / 100] / 1000;
        max = one->times[one->done - 1] / 1000;
    }
    reply_text(self, &one->asked, "count=%llu failed=%llu p50=%llu p99=%llu max=%llu late=%llu",
               (unsigned long long)one->done, (unsigned long long)one->failed, p50, p99, max,
               (unsigned long long)one->late / 1000);
    end(it, one);
}

static void ping(caller *it, skynet_context self, job *one) {
    skynet_message request = message_to_name(skynet_bytes(one->address, one->address_len), SKYNET_KIND_TEXT,
                                             skynet_str("ping"));
    request.flags |= SKYNET_FLAG_CALL;
    one->sent_at = skynet_node.now();
    if (one->due == 0) one->due = one->sent_at;
    if (skynet_node.send(self, &request, &one->first) != SKYNET_STATUS_OK) {
        one->failed++;
        end_pings(it, self, one);
        return;
    }
    one->last = one->first;
}

static void ping_many(caller *it, skynet_context self, const skynet_message *asked, words line) {
    const skynet_text address = next_word(&line);
    const uint64_t count = next_number(&line);
    job *one = begin(it, PING, asked);
    if (one == NULL || address.len > sizeof one->address ||
        (one->times = calloc(count + 1, sizeof *one->times)) == NULL) {
        skynet_reply_error(self, asked, SKYNET_REASON_FAILED, "out of memory");
        if (one != NULL) end(it, one);
        return;
    }
    one->count = count;
    one->pause = next_number(&line);
    one->address_len = address.len;
    memcpy(one->address, address.data, address.len);
    ping(it, self, one);
}

static void ping_ended(caller *it, skynet_context self, job *one, const skynet_message *message) {
    const uint64_t now = skynet_node.now();
    one->failed += message->kind == SKYNET_KIND_ERROR;
    one->times[one->done++] = now - one->sent_at;
    if (now - one->due > one->late) one->late = now - one->due;
    one->due = now + one->pause * 1000000;
    if (one->done == one->count) {
        end_pings(it, self, one);
    } else if (one->pause == 0) {
        ping(it, self, one);
    } else {
        one->first = one->last = 0;
        skynet_node.timer_set(self, one->pause, (uint64_t)(uintptr_t)one, NULL);
    }
}

/* ---- SEND, COMMAND, LAUNCH ---- */

static void send_many(skynet_context self, const skynet_message *asked, words line) {
    const skynet_text address = next_word(&line);
    const uint64_t count = next_number(&line);
    const skynet_message message = message_to_name(address, SKYNET_KIND_TEXT, rest_of(&line));
    unsigned long long ok = 0, full = 0, dead = 0, other = 0;
    for (uint64_t i = 0; i < count; i++) {
        switch (skynet_node.send(self, &message, NULL)) {
            case SKYNET_STATUS_OK: ok++; break;
            case SKYNET_STATUS_FULL: full++; break;
            case SKYNET_STATUS_DEAD: dead++; break;
            default: other++; break;
        }
    }
    reply_text(self, asked, "ok=%llu full=%llu dead=%llu other=%llu", ok, full, dead, other);
}

static void run_command(skynet_context self, const skynet_message *asked, words line) {
    const skynet_text name = next_word(&line);
    skynet_buffer result = {NULL, 0};
    const int32_t status = skynet_node.command(self, name, rest_of(&line), &result);
    if (status == SKYNET_STATUS_OK) {
        /* Many commands have no result. */
        if (result.data == NULL) skynet_reply(self, asked, NULL, 0);
        else skynet_reply_owned(self, asked, result.data, result.len);
        return;
    }
    if (result.data != NULL) ((char *)result.data)[result.len] = '\0';
    skynet_reply_error(self, asked, SKYNET_REASON_FAILED, result.data != NULL ? result.data : "no reason given");
    skynet_node.buffer_free(result.data);
}

static void launch(caller *it, skynet_context self, const skynet_message *asked, words line) {
    skynet_buffer error = {NULL, 0};
    uint32_t handle = 0;
    int32_t session = 0;
    const int32_t status = skynet_node.launch(self, rest_of(&line), &handle, &session, &error);
    job *one;
    if (status == SKYNET_STATUS_OK) {
        reply_text(self, asked, ":%08x", handle);
    } else if (status == SKYNET_STATUS_PENDING) {
        one = begin(it, LAUNCH, asked);
        if (one == NULL) return;
        one->first = one->last = session;
        one->handle = handle;
    } else {
        if (error.data != NULL) ((char *)error.data)[error.len] = '\0';
        skynet_reply_error(self, asked, SKYNET_REASON_FAILED, error.data != NULL ? error.data : "no reason given");
    }
    skynet_node.buffer_free(error.data);
}

static void launch_ended(caller *it, skynet_context self, job *one, const skynet_message *message) {
    skynet_message error;
    if (message->kind != SKYNET_KIND_ERROR) {
        reply_text(self, &one->asked, ":%08x", one->handle);
    } else {
        error = skynet_message_to(one->asked.source, SKYNET_KIND_ERROR, message->data, message->len);
        error.session = one->asked.session;
        error.flags = SKYNET_FLAG_REPLY;
        error.reason = message->reason;
        skynet_node.send(self, &error, NULL);
    }
    end(it, one);
}

/* ---- the service ---- */

static void ended(caller *it, skynet_context self, const skynet_message *message) {
    job *one = it->jobs;
    while (one != NULL && (message->session < one->first || message->session > one->last)) one = one->next;
    if (one == NULL) return;
    switch (one->task) {
        case CALL: call_ended(it, self, one, message); break;
        case PING: ping_ended(it, self, one, message); break;
        case LAUNCH: launch_ended(it, self, one, message); break;
    }
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    caller *it = instance;
    words line = words_of(message->data, message->len);
    skynet_text word;
    if (message->kind == SKYNET_KIND_RESPONSE || message->kind == SKYNET_KIND_ERROR) {
        ended(it, self, message);
        return SKYNET_DELIVER_RELEASE;
    }
    if (message->kind == SKYNET_KIND_TIMER) {
        ping(it, self, (job *)(uintptr_t)message->value);
        return SKYNET_DELIVER_RELEASE;
    }
    word = next_word(&line);
    if (word_is(word, "CALL")) call_many(it, self, message, line);
    else if (word_is(word, "PING")) ping_many(it, self, message, line);
    else if (word_is(word, "SEND")) send_many(self, message, line);
    else if (word_is(word, "COMMAND")) run_command(self, message, line);
    else if (word_is(word, "LAUNCH")) launch(it, self, message, line);
    else skynet_reply_error(self, message, SKYNET_REASON_UNSUPPORTED, "wanted CALL, PING, SEND, COMMAND or LAUNCH");
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) {
    caller *it = instance;
    (void)self;
    while (it->jobs != NULL) end(it, it->jobs);
    free(it);
}

SKYNET_PLUGIN("test-caller", "1.0", 1, SKYNET_MODULE("test-caller", create, deliver, release))
