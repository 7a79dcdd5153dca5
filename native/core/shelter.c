// See shelter.h.

#include "shelter.h"

#include <errno.h>

#include "tracing.h"

/** Registers with which the instructions behind the first one end the program. */
static long stand_by(struct sr_shelter *shelter) {
  const uint64_t *cookie = shelter->cookie->registers;
  const uint64_t arguments[6] = {125, 0, 0, cookie[0], cookie[1], cookie[2]};
  uint64_t registers[SR_REGISTERS];
  for (size_t i = 0; i < SR_REGISTERS; i++) registers[i] = shelter->registers[i];
  sr_prepare_call(registers, __NR_exit_group, arguments);
  registers[SR_PC] = shelter->at + SR_SHELTER_EXIT;
  return sr_set_registers(shelter->id, registers);
}

static long put_words(const struct sr_shelter *shelter, const uint64_t *words) {
  long failed = 0;
  for (size_t i = 0; i < SR_SHELTER_WORDS && !sr_failed(failed); i++) failed = sr_poke(shelter->id, shelter->at + 8 * i, words[i]);
  return failed;
}

static long save_words(struct sr_shelter *shelter, uint64_t at) {
  long failed = 0;
  for (size_t i = 0; i < SR_SHELTER_WORDS && !sr_failed(failed); i++) failed = sr_peek(shelter->id, at + 8 * i, &shelter->words[i]);
  if (!sr_failed(failed)) shelter->at = at;
  return failed;
}

long sr_shelter_enter(struct sr_shelter *shelter, int32_t id, const struct sr_cookie *cookie) {
  *shelter = (struct sr_shelter){.id = id, .cookie = cookie};
  long failed = sr_get_registers(id, shelter->registers, NULL);
  if (sr_failed(failed)) return failed;
  uint64_t pc = shelter->registers[SR_PC];
  // At the end of a mapping there may be no room behind.
  failed = save_words(shelter, pc);
  if (sr_failed(failed)) failed = save_words(shelter, pc + 8 - 8 * SR_SHELTER_WORDS);
  if (sr_failed(failed)) return failed;
  failed = put_words(shelter, sr_shelter_code);
  if (!sr_failed(failed)) failed = stand_by(shelter);
  if (!sr_failed(failed)) failed = sr_trace_options(id, 0);
  return failed;
}

long sr_shelter_call(struct sr_shelter *shelter, long number, const uint64_t arguments[3], long *result) {
  const uint64_t *cookie = shelter->cookie->registers;
  const uint64_t all[6] = {arguments[0], arguments[1], arguments[2], cookie[0], cookie[1], cookie[2]};
  uint64_t registers[SR_REGISTERS];
  for (size_t i = 0; i < SR_REGISTERS; i++) registers[i] = shelter->registers[i];
  sr_prepare_call(registers, number, all);
  registers[SR_PC] = shelter->at;
  long failed = sr_set_registers(shelter->id, registers);
  // Not by a step, whose trap is a signal: should the tracer be killed then, the thread would get it, and the status be another.
  for (int stop = 0; stop < 2 && !sr_failed(failed); stop++) {
    int status = 0;
    failed = sr_trace(PTRACE_SYSCALL, shelter->id, 0, 0);
    if (!sr_failed(failed)) failed = sr_trace_wait(shelter->id, &status);
    if (sr_failed(failed)) return failed;
    if (sr_exited(status)) return -ESRCH;
    if (sr_stop_signal(status) != SR_SIGTRAP_CALL) return -EIO;
  }
  if (sr_failed(failed)) return failed;
  if (sr_failed(failed = sr_get_registers(shelter->id, registers, NULL))) return failed;
  if (registers[SR_PC] != shelter->at + SR_CALL_SIZE) return -EIO;
  *result = (long)registers[SR_RESULT];
  return stand_by(shelter);
}

long sr_shelter_leave(struct sr_shelter *shelter) {
  long failed = sr_trace_options(shelter->id, 1);
  if (!sr_failed(failed)) failed = put_words(shelter, shelter->words);
  if (!sr_failed(failed)) failed = sr_set_registers(shelter->id, shelter->registers);
  if (!sr_failed(failed)) shelter->at = 0;
  return failed;
}

int sr_shelter_meets(const struct sr_shelter *shelter, uint64_t from, uint64_t to) {
  return shelter->at + 8 * SR_SHELTER_WORDS > from && shelter->at < to;
}
