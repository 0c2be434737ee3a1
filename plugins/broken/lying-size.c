/* Wrong: the table says that it is longer than the symbol. Refused: symbol too short. */
#define BENT_NAME "broken-lying-size"
#define BENT_SIZE 1000000
#include "bent.h"
