/* Wrong: two modules of one name. Refused: two modules are called `broken-duplicate-names`. */
#include "skynet.h"

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}
static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance, (void)self, (void)message;
    return SKYNET_DELIVER_RELEASE;
}
static void release(void *instance, skynet_context self) { (void)instance, (void)self; }

SKYNET_PLUGIN("broken-duplicate-names", "1.0", 2, SKYNET_MODULE("broken-duplicate-names", create, deliver, release),
              SKYNET_MODULE("broken-duplicate-names", create, deliver, release))
