/* Wrong: `release` never returns. Killing it loses one worker, which is replaced; the node still stops in its time. */
#include "service.h"

static volatile uint64_t turns;

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    return answer(self, message, NULL);
}
static void release(void *instance, skynet_context self) {
    (void)instance, (void)self;
    for (;;) turns++;
}
ONE_MODULE("broken-endless-release", plain_create, deliver, release)
