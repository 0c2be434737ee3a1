/* Wrong: `create` never returns. Only the service that launches it is lost; the monitor reports; the node still stops. */
#include "service.h"

static volatile uint64_t turns;

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args, (void)instance;
    while (turns < UINT64_MAX) turns++;
    return SKYNET_STATUS_FAILED;
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    return answer(self, message, NULL);
}
ONE_MODULE("broken-endless-create", create, deliver, plain_release)
