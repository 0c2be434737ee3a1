/* Wrong: says that it has 200 modules, and has one. Refused: modules too long. */
#define BENT_NAME "broken-lying-count"
#define BENT_COUNT 200
#include "bent.h"
