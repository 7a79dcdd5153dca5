// The tracee's registers, for this machine.

#if defined(__x86_64__)
#include "tracee-x86_64.h"
#elif defined(__aarch64__)
#include "tracee-aarch64.h"
#endif
