/*
 * Wrong: does not answer. EXIT ends the service in the middle of the request; FAIL ends it with the text "gave up"; any
 * other request is forgotten while the service lives on. Each caller gets exactly one error: with EXIT and FAIL at once,
 * else when the service is killed or the caller's own time is over.
 */
#include "service.h"

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    if (is(message, "EXIT")) skynet_node.exit(self, SKYNET_REASON_NONE, skynet_str(""));
    if (is(message, "FAIL")) return skynet_fail(self, "gave up");
    return SKYNET_DELIVER_RELEASE;
}
ONE_MODULE("broken-no-answer", plain_create, deliver, plain_release)
