/* Wrong: `create` fails with an unknown status and does not say why. The launch fails and names the status, -77. */
#include "service.h"

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args, (void)instance;
    return -77;
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    return answer(self, message, NULL);
}
ONE_MODULE("broken-create-silent", create, deliver, plain_release)
