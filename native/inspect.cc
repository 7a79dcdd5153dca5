// See inspect.h and core/inspect.h.

#include "inspect.h"

#include <cerrno>
#include <cstring>
#include <new>

extern "C" {
#include "core/inspect.h"
}

namespace {

Napi::Value fail(Napi::Env env, const char *step, long error) {
  Napi::Error problem = Napi::Error::New(env, "the filters cannot be read");
  problem.Set("step", Napi::String::New(env, step));
  problem.Set("errno", Napi::Number::New(env, static_cast<double>(-error)));
  problem.ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

/** (tid: number, mayContinue: (filters) => boolean) → Uint8Array[], the newest first. */
Napi::Value inspectFilters(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsNumber() || info[0].As<Napi::Number>().Int64Value() <= 0 ||
      !info[1].IsFunction()) {
    Napi::TypeError::New(env, "filters takes the number of a process and a function").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  int tid = info[0].As<Napi::Number>().Int32Value();
  auto *program = new (std::nothrow) sock_filter[BPF_MAXINSNS];
  if (program == nullptr) return fail(env, "memory", -ENOMEM);
  long result = sr_inspect_begin(tid);
  if (result < 0) {
    delete[] program;
    return fail(env, "attach", result);
  }
  Napi::Array filters = Napi::Array::New(env);
  for (unsigned index = 0;; index++) {
    long length = sr_inspect_filter(tid, index, nullptr);
    if (length > 0) length = sr_inspect_filter(tid, index, program);
    if (length <= 0) {
      result = length;
      break;
    }
    size_t bytes = static_cast<size_t>(length) * sizeof(sock_filter);
    Napi::Uint8Array copy = Napi::Uint8Array::New(env, bytes);
    std::memcpy(copy.Data(), program, bytes);
    filters.Set(index, copy);
  }
  // While it stands still: whatever the function does, the process must go on.
  Napi::Value may = info[1].As<Napi::Function>().Call({filters});
  bool failed = env.IsExceptionPending();
  if (failed || !may.ToBoolean().Value()) sr_inspect_repeat(tid);
  sr_inspect_end(tid);
  delete[] program;
  if (failed) return env.Undefined();
  // Behind the last filter. A thread without any is EINVAL: its mode is not filter mode.
  if (result == -ENOENT || (result == -EINVAL && filters.Length() == 0)) return filters;
  return fail(env, "read", result);
}
