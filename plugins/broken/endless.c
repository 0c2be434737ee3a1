/*
 * Wrong: LOOP never returns; other requests are answered with their payload. The monitor reports the service, the source
 * and the duration; every other service goes on, also with `thread = 1`; who called LOOP gets one error when the service
 * is killed; the node still stops within its grace period.
 */
#include "service.h"

static volatile uint64_t turns;

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    if (is(message, "LOOP")) {
        for (;;) turns++;
    }
    return answer(self, message, NULL);
}
ONE_MODULE("broken-endless", plain_create, deliver, plain_release)
