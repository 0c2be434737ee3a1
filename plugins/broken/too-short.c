/* Wrong: the table says that it ends before its own fields. Refused: table too short. */
#define BENT_NAME "broken-too-short"
#define BENT_SIZE 64
#include "bent.h"
