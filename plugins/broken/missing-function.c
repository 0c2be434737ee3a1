/* Wrong: the module has no `deliver`. Refused: module has no function `deliver`. */
#define BENT_NAME "broken-missing-function"
#define BENT_DELIVER NULL
#include "bent.h"
