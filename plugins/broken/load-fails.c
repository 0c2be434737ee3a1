/* Wrong: `load` answers with an error. Refused: its `load` failed with status -11 (failed); not called again. */
#define BENT_NAME "broken-load-fails"
#define BENT_LOAD_STATUS SKYNET_STATUS_FAILED
#include "bent.h"
