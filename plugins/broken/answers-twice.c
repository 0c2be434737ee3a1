/* Wrong: answers every call twice, "first" and "second". The caller gets the first; the second reaches nobody. */
#include "service.h"

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    answer(self, message, "first");
    return answer(self, message, "second");
}
ONE_MODULE("broken-answers-twice", plain_create, deliver, plain_release)
