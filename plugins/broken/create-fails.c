/* Wrong: `create` fails, and says why. The launch fails with the text "the moon is full"; nothing is left of it. */
#include "service.h"

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)args, (void)instance;
    return skynet_refuse(self, "the moon is full");
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    return answer(self, message, NULL);
}
ONE_MODULE("broken-create-fails", create, deliver, plain_release)
