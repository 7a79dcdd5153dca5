// The shape of the tables in tables/, and the one of this machine. A test chooses another one, to hold the compiler of names
// against every ABI that it is built for.

#ifndef SANDBOX_RUN_TABLES_H
#define SANDBOX_RUN_TABLES_H

#include <stdint.h>

/** The number of a name that only other architectures have: it is skipped, because lists are portable. */
#define SR_ELSEWHERE 0xffff

struct sr_call_name {
  char name[30];
  uint16_t number;
};

struct sr_errno_name {
  char name[18];
  uint16_t number;
};

struct sr_group_name {
  char name[20];
  uint32_t numbers[16];
};

#ifdef SR_TABLE
#include SR_TABLE
#elif defined(__x86_64__)
#include "tables/x86_64.h"
#elif defined(__aarch64__)
#include "tables/aarch64.h"
#endif

#endif
