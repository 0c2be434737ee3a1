/* What the services below this folder have in common: an instance of nothing, and one module. */
#include "skynet.h"

static inline int32_t plain_create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}
static inline void plain_release(void *instance, skynet_context self) { (void)instance, (void)self; }

/* Whether the payload is exactly that text. */
static inline int is(const skynet_message *message, const char *text) {
    return message->len == strlen(text) && memcmp(message->data, text, message->len) == 0;
}

/* Answers with a text, or with the payload. */
static inline int32_t answer(skynet_context self, const skynet_message *message, const char *text) {
    if (text != NULL) skynet_reply(self, message, text, strlen(text));
    else skynet_reply(self, message, message->data, message->len);
    return SKYNET_DELIVER_RELEASE;
}

/* A file with one module of the file's own name. */
#define ONE_MODULE(name, create, deliver, release) \
    SKYNET_PLUGIN(name, "1.0", 1, SKYNET_MODULE(name, create, deliver, release))
