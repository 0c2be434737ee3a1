/* Wrong: the flag that panics unwind is missing, as in a build with panic = "abort". Refused: built to abort on panic. */
#define BENT_NAME "broken-aborts"
#define BENT_FLAGS 0
#include "bent.h"
