// Face 1, second part: watching. Notifications, the recorder and the doctor's trials for JavaScript; the types of this boundary
// are in lib/native.ts.

#include "watch.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

extern "C" {
#include "core/answer.h"
#include "core/helper.h"
#include "core/notify.h"
#include "core/probe.h"
#include "core/record.h"
}

namespace {

int64_t integer(const Napi::CallbackInfo &info, size_t index) {
  Napi::Value value = info[index];
  if (value.IsNumber()) return value.As<Napi::Number>().Int64Value();
  if (value.IsBigInt()) {
    bool lossless;
    return static_cast<int64_t>(value.As<Napi::BigInt>().Uint64Value(&lossless));
  }
  return -1;
}

/** (listener, milliseconds) → the 80 bytes of struct seccomp_notif, or a negated errno. */
Napi::Value notifyReceive(const Napi::CallbackInfo &info) {
  seccomp_notif notification;
  int result = sr_notify_receive(static_cast<int>(integer(info, 0)), &notification, static_cast<int>(integer(info, 1)));
  if (result != 0) return Napi::Number::New(info.Env(), result);
  return Napi::Buffer<uint8_t>::Copy(info.Env(), reinterpret_cast<uint8_t *>(&notification), sizeof notification);
}

/** (listener, id, errno) → 0 or a negated errno. */
Napi::Value notifyRefuse(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(),
                           sr_notify_refuse(static_cast<int>(integer(info, 0)), static_cast<uint64_t>(integer(info, 1)),
                                            static_cast<int>(integer(info, 2))));
}

/** (listener, id) → 0 or a negated errno. */
Napi::Value notifyContinue(const Napi::CallbackInfo &info) {
  return Napi::Number::New(
      info.Env(), sr_notify_continue(static_cast<int>(integer(info, 0)), static_cast<uint64_t>(integer(info, 1))));
}

/** (listener, the bytes that notifyReceive gave, SECCOMP_RET_ value, process, sr_disposition) → sr_answered or a negated errno. */
Napi::Value notifyAnswer(const Napi::CallbackInfo &info) {
  auto bytes = info[1].As<Napi::Uint8Array>();
  seccomp_notif notification;
  if (bytes.ByteLength() != sizeof notification) return Napi::Number::New(info.Env(), -EINVAL);
  std::memcpy(&notification, bytes.Data(), sizeof notification);
  return Napi::Number::New(info.Env(), sr_answer(static_cast<int>(integer(info, 0)), &notification,
                                                 static_cast<uint32_t>(integer(info, 2)),
                                                 static_cast<int32_t>(integer(info, 3)),
                                                 static_cast<sr_disposition>(integer(info, 4))));
}

/** (listener, id) → 0 or a negated errno. */
Napi::Value notifyValid(const Napi::CallbackInfo &info) {
  return Napi::Number::New(
      info.Env(), sr_notify_valid(static_cast<int>(integer(info, 0)), static_cast<uint64_t>(integer(info, 1))));
}

/** (descriptor, milliseconds) → whether a page can be written without waiting longer. */
Napi::Value writable(const Napi::CallbackInfo &info) {
  pollfd request{static_cast<int>(integer(info, 0)), POLLOUT, 0};
  int result = poll(&request, 1, static_cast<int>(integer(info, 1)));
  return Napi::Boolean::New(info.Env(), result > 0);
}

/** (process, thread, signal) → 0 or a negated errno. */
Napi::Value signalThread(const Napi::CallbackInfo &info) {
  long result = syscall(SYS_tgkill, static_cast<pid_t>(integer(info, 0)), static_cast<pid_t>(integer(info, 1)),
                        static_cast<int>(integer(info, 2)));
  return Napi::Number::New(info.Env(), result == 0 ? 0 : -errno);
}

/** (kind, argument) → [value, wait status]. */
Napi::Value probe(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  sr_probe_result result{};
  int failure = sr_probe(static_cast<sr_probe_kind>(integer(info, 0)), static_cast<uint32_t>(integer(info, 1)), &result);
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::Number::New(env, failure != 0 ? failure : result.value));
  pair.Set(1U, Napi::Number::New(env, failure != 0 ? 0 : result.status));
  return pair;
}

void onAlarm(int) { sr_record_wake(); }

/** (tables) → the recorder. Each table: { arch, base, keep: Uint8Array of six per number }. */
Napi::Value recorderMake(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto list = info[0].As<Napi::Array>();
  sr_keep_table tables[SR_ABIS];
  uint32_t count = list.Length();
  if (count > SR_ABIS) {
    napi_throw_type_error(env, nullptr, "too many tables");
    return env.Undefined();
  }
  for (uint32_t i = 0; i < count; i++) {
    auto table = list.Get(i).As<Napi::Object>();
    auto keep = table.Get("keep").As<Napi::Uint8Array>();
    tables[i] = {table.Get("arch").As<Napi::Number>().Uint32Value(), table.Get("base").As<Napi::Number>().Uint32Value(),
                 static_cast<uint32_t>(keep.ByteLength() / 6), keep.Data()};
  }
  sr_recorder *recorder = sr_recorder_make(tables, count);
  if (recorder == nullptr) {
    napi_throw_error(env, nullptr, "no memory for the recorder");
    return env.Undefined();
  }
  // No SA_RESTART: it is there to interrupt a wait.
  struct sigaction action {};
  action.sa_handler = onAlarm;
  sigaction(SIGALRM, &action, nullptr);
  return Napi::External<sr_recorder>::New(env, recorder);
}

sr_recorder *recorderOf(const Napi::CallbackInfo &info) { return info[0].As<Napi::External<sr_recorder>>().Data(); }

/** (recorder, process) → 0 or a negated errno. */
Napi::Value recorderAttach(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), sr_record_attach(recorderOf(info), static_cast<int32_t>(integer(info, 1))));
}

/** (recorder, listener or -1, blocks, milliseconds between ticks or 0) → event. */
Napi::Value recorderRun(const Napi::CallbackInfo &info) {
  int listener = static_cast<int>(integer(info, 1));
  auto milliseconds = integer(info, 3);
  itimerval time{};
  time.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000};
  time.it_interval = time.it_value;
  setitimer(ITIMER_REAL, &time, nullptr);
  sr_event event = listener < 0 ? sr_record_traced(recorderOf(info))
                                : sr_record_notified(recorderOf(info), listener, integer(info, 2) != 0);
  itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  return Napi::Number::New(info.Env(), event);
}

/** (recorder) → { entries: bytes of sr_entry, programs, calls, unreliable }. */
Napi::Value recorderTake(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  sr_recorder *recorder = recorderOf(info);
  size_t count;
  const sr_entry *entries = sr_record_entries(recorder, &count);
  Napi::Object taken = Napi::Object::New(env);
  taken.Set("entries", Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<const uint8_t *>(entries), count * sizeof *entries));
  Napi::Array programs = Napi::Array::New(env);
  const char *path;
  for (uint32_t i = 0; (path = sr_record_program(recorder, i)) != nullptr; i++) programs.Set(i, path);
  taken.Set("programs", programs);
  taken.Set("calls", Napi::Number::New(env, static_cast<double>(sr_record_calls(recorder))));
  taken.Set("unreliable", Napi::Boolean::New(env, sr_record_unreliable(recorder) != 0));
  return taken;
}

/** (recorder) → [calls, distinct rows], for a progress line. */
Napi::Value recorderCount(const Napi::CallbackInfo &info) {
  size_t count;
  sr_record_entries(recorderOf(info), &count);
  Napi::Array pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0U, Napi::Number::New(info.Env(), static_cast<double>(sr_record_calls(recorderOf(info)))));
  pair.Set(1U, Napi::Number::New(info.Env(), static_cast<double>(count)));
  return pair;
}

}  // namespace

void addWatching(Napi::Env env, Napi::Object exports) {
  exports.Set("notifyReceive", Napi::Function::New<notifyReceive>(env, "notifyReceive"));
  exports.Set("notifyRefuse", Napi::Function::New<notifyRefuse>(env, "notifyRefuse"));
  exports.Set("notifyContinue", Napi::Function::New<notifyContinue>(env, "notifyContinue"));
  exports.Set("notifyAnswer", Napi::Function::New<notifyAnswer>(env, "notifyAnswer"));
  exports.Set("notifyValid", Napi::Function::New<notifyValid>(env, "notifyValid"));
  exports.Set("writable", Napi::Function::New<writable>(env, "writable"));
  exports.Set("signalThread", Napi::Function::New<signalThread>(env, "signalThread"));
  exports.Set("probe", Napi::Function::New<probe>(env, "probe"));
  exports.Set("recorderMake", Napi::Function::New<recorderMake>(env, "recorderMake"));
  exports.Set("recorderAttach", Napi::Function::New<recorderAttach>(env, "recorderAttach"));
  exports.Set("recorderRun", Napi::Function::New<recorderRun>(env, "recorderRun"));
  exports.Set("recorderTake", Napi::Function::New<recorderTake>(env, "recorderTake"));
  exports.Set("recorderCount", Napi::Function::New<recorderCount>(env, "recorderCount"));
}
