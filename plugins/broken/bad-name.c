/* Wrong: the module's name has a blank in it, so no LAUNCH could name it. Refused: bad name of module 1. */
#define BENT_NAME "broken-bad-name"
#define BENT_MODULE "bad name"
#include "bent.h"
