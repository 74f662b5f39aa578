#include "capus.h"

#if !defined(__x86_64__) && !defined(__aarch64__)
capus_crc32c capus_crc32c_hardware(void) { return 0; }
#endif
