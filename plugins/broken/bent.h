/*
 * An echo service whose table can be bent: define what is to be wrong, then include this. BENT_NAME is the one thing
 * that must be defined.
 */
#include "skynet.h"

#ifndef BENT_MAGIC
#define BENT_MAGIC SKYNET_MAGIC
#endif
#ifndef BENT_MAJOR
#define BENT_MAJOR SKYNET_MAJOR
#endif
#ifndef BENT_NEEDS_MINOR
#define BENT_NEEDS_MINOR 0
#endif
#ifndef BENT_SIZE
#define BENT_SIZE sizeof(struct bent)
#endif
#ifndef BENT_FLAGS
#define BENT_FLAGS SKYNET_PLUGIN_UNWINDS
#endif
#ifndef BENT_LOAD_STATUS
#define BENT_LOAD_STATUS skynet_adopt(&skynet_node, host)
#endif
#ifndef BENT_COUNT
#define BENT_COUNT 1
#endif
#ifndef BENT_MODULE
#define BENT_MODULE BENT_NAME
#endif
#ifndef BENT_DELIVER
#define BENT_DELIVER bent_deliver
#endif
#ifndef BENT_SYMBOL
#define BENT_SYMBOL skynet_plugin_v1
#endif

SKYNET_HIDDEN skynet_host skynet_node;

static int32_t bent_load(const skynet_host *host) {
    (void)host;
    return BENT_LOAD_STATUS;
}
static int32_t bent_create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}
static inline int32_t bent_deliver(void *instance, skynet_context self, const skynet_message *message) {
    (void)instance;
    skynet_reply(self, message, message->data, message->len);
    return SKYNET_DELIVER_RELEASE;
}
static void bent_release(void *instance, skynet_context self) { (void)instance, (void)self; }

struct bent {
    skynet_plugin plugin;
    skynet_module modules[1];
};
extern SKYNET_EXPORT const struct bent BENT_SYMBOL;
const struct bent BENT_SYMBOL = {
    {{BENT_MAGIC, BENT_MAJOR, 0, BENT_NEEDS_MINOR, 0, BENT_SIZE, 0},
     BENT_FLAGS,
     BENT_NAME,
     "1.0",
     bent_load,
     BENT_COUNT,
     sizeof(skynet_module),
     offsetof(struct bent, modules),
     0},
    {{BENT_MODULE, 0, 0, bent_create, BENT_DELIVER, NULL, bent_release, NULL, NULL, NULL}}};
