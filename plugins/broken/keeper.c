/*
 * Wrong: keeps every payload and never frees one, not even in `release`. The bytes are seen as kept bytes in STAT of
 * this service. Each call is answered with "kept".
 */
#include "service.h"

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    answer(self, message, "kept");
    return SKYNET_DELIVER_KEEP;
}
ONE_MODULE("broken-keeper", plain_create, deliver, plain_release)
