/*
 * Wrong: calls the node with arguments of no meaning. GARBAGE tries them all and answers "refused <n> of <n>": every one
 * must be refused with an error, none may do harm. BADSTATUS returns a number that `deliver` must not return (taken as
 * a failure: the service ends). Other requests are answered with their payload.
 */
#include <stdio.h>

#include "service.h"

/* Messages that no node may take. */
static void send_garbage(skynet_context self, const skynet_message *to, int *tried, int *refused) {
    static const uint32_t kinds[] = {SKYNET_KIND_EXIT, SKYNET_KIND_TIMER, SKYNET_KIND_WAKE, SKYNET_KIND_SOCKET, 1000,
                                     UINT32_MAX};
    skynet_message message;
    size_t delivered = 0;
    int32_t session = 0;
    const uint32_t nobody = (self.handle & 0xff000000u) | 0xfffffeu;
#define TRY(call) (++*tried, *refused += (call) < 0)
    /* Kinds that only the node itself may send, and kinds that there are not. */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        TRY(skynet_send(self, to->source, kinds[i], "forged", 6));
    /* A length without data. */
    TRY(skynet_send(self, to->source, SKYNET_KIND_TEXT, NULL, 10));
    /* No destination, and one that there is not. */
    TRY(skynet_send(self, 0, SKYNET_KIND_TEXT, "x", 1));
    TRY(skynet_send(self, nobody, SKYNET_KIND_TEXT, "x", 1));
    /* An owned buffer that is none; more bytes than there can be. */
    message = skynet_message_to(to->source, SKYNET_KIND_TEXT, NULL, 5);
    message.flags = SKYNET_FLAG_OWNED;
    TRY(skynet_node.send(self, &message, NULL));
    message = skynet_message_to(to->source, SKYNET_KIND_TEXT, "x", SIZE_MAX);
    TRY(skynet_node.send(self, &message, NULL));
    /* By a name that there is not, by none, and by a name without data. */
    message = skynet_message_to(0, SKYNET_KIND_TEXT, "x", 1);
    message.flags = SKYNET_FLAG_BY_NAME;
    message.name = ".no-such-name";
    message.name_len = 13;
    TRY(skynet_node.send(self, &message, NULL));
    message.name_len = 0;
    TRY(skynet_node.send(self, &message, NULL));
    message.name = NULL;
    message.name_len = 100;
    TRY(skynet_node.send(self, &message, NULL));
    /* No message at all; a call to many; many without a list. */
    TRY(skynet_node.send(self, NULL, &session));
    message = skynet_message_to(0, SKYNET_KIND_TEXT, "x", 1);
    message.flags = SKYNET_FLAG_CALL;
    TRY(skynet_node.send_many(self, &message, &to->source, 1, &delivered));
    message.flags = 0;
    TRY(skynet_node.send_many(self, &message, NULL, 7, &delivered));
}

/* Names of things that there are not, and other wrong arguments. */
static void use_garbage(skynet_context self, int *tried, int *refused) {
    const skynet_context forged = {self.handle, self.generation + 1000};
    const skynet_socket_part part = {"x", 1, NULL};
    const skynet_text nowhere = {NULL, 10};
    const skynet_text wild = {"\xff\xfe", 2};
    skynet_buffer result = {NULL, 0};
    uint32_t handle = 0;
    int32_t number = 0;
    TRY(skynet_send(forged, self.handle, SKYNET_KIND_TEXT, "x", 1));
    TRY(skynet_node.wake(forged, 1));
    TRY(skynet_node.timer_set(forged, 1, 1, NULL));
    TRY(skynet_node.exit(forged, 0, skynet_str("not me")));
    TRY(skynet_node.timer_cancel(self, UINT64_MAX));
    TRY(skynet_node.node_lost(self, 7, SKYNET_REASON_NODE_LOST, NULL));
    TRY(skynet_node.set_option(self, 999, 1));
    TRY(skynet_node.socket_start(self, 0x7fffffff));
    TRY(skynet_node.socket_start(self, -1));
    TRY(skynet_node.socket_pause(self, 0));
    TRY(skynet_node.socket_write(self, 12345678, &part, 1, 0));
    TRY(skynet_node.socket_write(self, 12345678, NULL, 3, 0));
    TRY(skynet_node.socket_close(self, 12345678, 0));
    TRY(skynet_node.socket_shutdown(self, 12345678, 99));
    TRY(skynet_node.socket_set(self, 12345678, 99, 99));
    TRY(skynet_node.socket_send_to(self, 12345678, nowhere, nowhere));
    TRY(skynet_node.socket_listen(self, nowhere, 0, &number));
    TRY(skynet_node.socket_connect(self, wild, 0, &number));
    TRY(skynet_node.command(self, nowhere, nowhere, &result));
    TRY(skynet_node.command(self, wild, wild, &result));
    skynet_node.buffer_free(result.data);
    result.data = NULL;
    TRY(skynet_node.launch(self, skynet_str("no-such-module"), &handle, &number, &result));
    skynet_node.buffer_free(result.data);
    result.data = NULL;
    TRY(skynet_node.launch(self, nowhere, &handle, &number, &result));
    skynet_node.buffer_free(result.data);
    TRY(skynet_node.buffer_alloc(SIZE_MAX) == NULL ? -1 : 0);
    /* These need not be refused, or have no answer; they must do no harm. */
    skynet_node.ready(self);
    skynet_node.blocking_end(self);
    skynet_node.unwatch(self, 0);
    skynet_node.log(self, 99, wild, wild);
    skynet_node.log(self, SKYNET_LEVEL_ERROR, nowhere, nowhere);
    skynet_node.buffer_free(NULL);
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    char text[64];
    int tried = 0, refused = 0;
    (void)instance;
    if (is(message, "BADSTATUS")) return 77;
    if (!is(message, "GARBAGE")) return answer(self, message, NULL);
    send_garbage(self, message, &tried, &refused);
    use_garbage(self, &tried, &refused);
    snprintf(text, sizeof text, "refused %d of %d", refused, tried);
    return answer(self, message, text);
}
ONE_MODULE("broken-garbage", plain_create, deliver, plain_release)
