/* Wrong: asks for a node of version 1.999. Refused: asks for a newer peer. */
#define BENT_NAME "broken-needs-newer"
#define BENT_NEEDS_MINOR 999
#include "bent.h"
