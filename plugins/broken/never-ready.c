/*
 * Wrong: says that it goes on starting, and then: with the argument "fail" it gives up after 50 ms with the text "could
 * not start"; with none it stays like that for ever. Who launched it waits until then, or until it is killed.
 */
#include "service.h"

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    *instance = NULL;
    if (args.len > 0) skynet_node.timer_set(self, 50, 0, NULL);
    return SKYNET_STATUS_PENDING;
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    if (message->kind == SKYNET_KIND_TIMER) return skynet_fail(self, "could not start");
    return SKYNET_DELIVER_RELEASE;
}
ONE_MODULE("broken-never-ready", create, deliver, plain_release)
