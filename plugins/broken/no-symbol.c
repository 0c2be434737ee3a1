/* Wrong: the table is exported under another name. Refused: no symbol `skynet_plugin_v1`. */
#define BENT_NAME "broken-no-symbol"
#define BENT_SYMBOL skynet_plugin_v0
#include "bent.h"
