/*
 * Wrong in a way that is not contained: SEGV touches memory that is not there, ABORT aborts. The node dies, and its last
 * words name this plugin, the service and the signal. Other requests are answered with their payload.
 */
#include <stdlib.h>

#include "service.h"

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    if (is(message, "SEGV")) {
        volatile int *volatile nowhere = NULL;
        *nowhere = 1;
    }
    if (is(message, "ABORT")) abort();
    return answer(self, message, NULL);
}
ONE_MODULE("broken-crash", plain_create, deliver, plain_release)
