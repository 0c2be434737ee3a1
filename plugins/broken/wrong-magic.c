/* Wrong: the table does not begin with the magic. Refused: wrong magic. */
#define BENT_NAME "broken-wrong-magic"
#define BENT_MAGIC UINT64_C(0x1122334455667788)
#include "bent.h"
