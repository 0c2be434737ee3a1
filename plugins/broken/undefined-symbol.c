/* Wrong: needs a function that nobody has. Refused by the system's loader, which names the function. */
#define BENT_NAME "broken-undefined-symbol"
#define BENT_LOAD_STATUS skynet_test_function_that_nobody_has()
#include <stdint.h>
int32_t skynet_test_function_that_nobody_has(void);
#include "bent.h"
