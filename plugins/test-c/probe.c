/*
 * test-probe [ADDRESS]: lets a client outside call services: it listens on the address, or on a port of 127.0.0.1 that
 * the system picks.
 *
 * A line "<address> <text>" calls the service `:handle` or `.name` with the text. The answer is one line,
 *     reply <text>
 *     error <reason> <text>
 *     refused <status>
 * in which line ends of the text are the byte 0x1f. Lines of one connection are answered in the order in which their calls
 * end; a client that wants to tell them apart has one call at a time on each of its connections.
 */
#include "words.h"

/* Longer lines end the connection. */
#define LINE_MOST 65536

typedef struct connection {
    struct connection *next;
    int32_t socket;
    size_t len;
    char line[LINE_MOST];
} connection;

typedef struct pending {
    struct pending *next;
    int32_t session, socket;
} pending;

typedef struct probe {
    connection *connections;
    pending *calls;
} probe;

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    probe *it = calloc(1, sizeof *it);
    int32_t listener = 0;
    const skynet_text address = args.len != 0 ? args : skynet_str("127.0.0.1:0");
    if (it == NULL) return SKYNET_STATUS_NO_MEMORY;
    if (skynet_node.socket_listen(self, address, 0, &listener) != SKYNET_STATUS_OK ||
        skynet_node.socket_start(self, listener) != SKYNET_STATUS_OK) {
        free(it);
        return skynet_refuse(self, "cannot listen");
    }
    *instance = it;
    return SKYNET_STATUS_OK;
}

/* Writes one line; a connection that has gone meanwhile is no news. */
static void answer(skynet_context self, int32_t socket, const char *head, const void *data, size_t len) {
    const size_t head_len = strlen(head);
    skynet_socket_part part = {NULL, head_len + len + 1, NULL};
    char *line = skynet_node.buffer_alloc(part.len);
    if (line == NULL) return;
    memcpy(line, head, head_len);
    if (len > 0) memcpy(line + head_len, data, len);
    for (size_t i = head_len; i < head_len + len; i++) {
        if (line[i] == '\n') line[i] = 0x1f;
    }
    line[head_len + len] = '\n';
    part.data = part.buffer = line;
    if (skynet_node.socket_write(self, socket, &part, 1, 0) != SKYNET_STATUS_OK) skynet_node.buffer_free(line);
}

static void call(probe *it, skynet_context self, const connection *from) {
    words line = words_of(from->line, from->len);
    const skynet_text address = next_word(&line);
    skynet_message request = message_to_name(address, SKYNET_KIND_TEXT, rest_of(&line));
    pending *one = malloc(sizeof *one);
    char head[32];
    int32_t status = SKYNET_STATUS_NO_MEMORY;
    request.flags |= SKYNET_FLAG_CALL;
    if (one != NULL) status = skynet_node.send(self, &request, &one->session);
    if (status != SKYNET_STATUS_OK) {
        snprintf(head, sizeof head, "refused %d", (int)status);
        answer(self, from->socket, head, NULL, 0);
        free(one);
        return;
    }
    one->socket = from->socket;
    one->next = it->calls;
    it->calls = one;
}

static void answered(probe *it, skynet_context self, const skynet_message *message) {
    char head[32] = "reply ";
    for (pending **at = &it->calls; *at != NULL; at = &(*at)->next) {
        pending *one = *at;
        if (one->session != message->session) continue;
        if (message->kind == SKYNET_KIND_ERROR) snprintf(head, sizeof head, "error %u ", (unsigned)message->reason);
        answer(self, one->socket, head, message->data, message->len);
        *at = one->next;
        free(one);
        return;
    }
}

static connection **find(probe *it, int32_t socket) {
    connection **at = &it->connections;
    while (*at != NULL && (*at)->socket != socket) at = &(*at)->next;
    return at;
}

static void hang_up(probe *it, skynet_context self, int32_t socket) {
    connection **at = find(it, socket);
    connection *gone = *at;
    skynet_node.socket_close(self, socket, 0);
    if (gone == NULL) return;
    *at = gone->next;
    free(gone);
}

static void take(probe *it, skynet_context self, const skynet_message *message) {
    connection *from = *find(it, message->session);
    const char *data = message->data;
    if (from == NULL) return;
    for (size_t i = 0; i < message->len; i++) {
        if (data[i] == '\n') {
            call(it, self, from);
            from->len = 0;
        } else if (from->len < LINE_MOST) {
            from->line[from->len++] = data[i];
        } else {
            hang_up(it, self, message->session);
            return;
        }
    }
}

static void accept_connection(probe *it, skynet_context self, int32_t socket) {
    connection *one = malloc(sizeof *one);
    if (one == NULL || skynet_node.socket_start(self, socket) != SKYNET_STATUS_OK) {
        free(one);
        skynet_node.socket_close(self, socket, 0);
        return;
    }
    skynet_node.socket_set(self, socket, SKYNET_SOCKET_OPTION_NODELAY, 1);
    one->socket = socket;
    one->len = 0;
    one->next = it->connections;
    it->connections = one;
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    probe *it = instance;
    if (message->kind == SKYNET_KIND_RESPONSE || message->kind == SKYNET_KIND_ERROR) {
        answered(it, self, message);
    } else if (message->kind == SKYNET_KIND_SOCKET) {
        switch (message->reason) {
            case SKYNET_SOCKET_ACCEPT: accept_connection(it, self, (int32_t)message->value); break;
            case SKYNET_SOCKET_DATA: take(it, self, message); break;
            case SKYNET_SOCKET_CLOSE:
            case SKYNET_SOCKET_ERROR:
                if (*find(it, message->session) != NULL) hang_up(it, self, message->session);
                break;
            default: break;
        }
    } else {
        skynet_reply_error(self, message, SKYNET_REASON_UNSUPPORTED, "a probe is for clients outside");
    }
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) {
    probe *it = instance;
    (void)self;
    while (it->connections != NULL) {
        connection *one = it->connections;
        it->connections = one->next;
        free(one);
    }
    while (it->calls != NULL) {
        pending *one = it->calls;
        it->calls = one->next;
        free(one);
    }
    free(it);
}

SKYNET_PLUGIN("test-probe", "1.0", 1, SKYNET_MODULE("test-probe", create, deliver, release))
