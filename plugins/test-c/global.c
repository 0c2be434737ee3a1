/*
 * test-global: asks for global symbols and has one, as a layer for scripts in another language will whose own libraries
 * resolve their symbols in it. A call is answered with "visible" if the process can see the symbol, else "hidden".
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "skynet.h"

extern SKYNET_EXPORT const int skynet_test_global_symbol;
const int skynet_test_global_symbol = 42;

static int32_t load(const skynet_host *host) { return skynet_adopt(&skynet_node, host); }

static int32_t create(skynet_context self, skynet_text args, void **instance) {
    (void)self, (void)args;
    *instance = NULL;
    return SKYNET_STATUS_OK;
}

static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
    const int *symbol = dlsym(RTLD_DEFAULT, "skynet_test_global_symbol");
    const char *text = symbol != NULL && *symbol == 42 ? "visible" : "hidden";
    (void)instance;
    skynet_reply(self, message, text, strlen(text));
    return SKYNET_DELIVER_RELEASE;
}

static void release(void *instance, skynet_context self) { (void)instance, (void)self; }

SKYNET_PLUGIN_FULL("test-global", "1.0", SKYNET_PLUGIN_UNWINDS | SKYNET_PLUGIN_GLOBAL_SYMBOLS, load, 1,
                   SKYNET_MODULE("test-global", create, deliver, release))
