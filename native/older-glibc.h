// For the addon that the package brings along: glibc 2.34 gave functions of threads new versions that do the same, and a program
// built there would load on no older one. So the first versions are asked for, which every glibc has. Node itself needs 2.28.

#ifndef SANDBOX_RUN_OLDER_GLIBC_H
#define SANDBOX_RUN_OLDER_GLIBC_H

#include <features.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))
#ifdef __x86_64__
#define SR_FIRST "GLIBC_2.2.5"
#else
#define SR_FIRST "GLIBC_2.17"
#endif
__asm__(".symver pthread_create,pthread_create@" SR_FIRST);
__asm__(".symver pthread_join,pthread_join@" SR_FIRST);
__asm__(".symver pthread_sigmask,pthread_sigmask@" SR_FIRST);
#endif

#endif
