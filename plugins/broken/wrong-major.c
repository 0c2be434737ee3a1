/* Wrong: built for another major version. Refused: wrong major version. */
#define BENT_NAME "broken-wrong-major"
#define BENT_MAJOR 2
#include "bent.h"
