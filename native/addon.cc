// Face 1: Node. Checks arguments, copies buffers into plain memory for the core, and turns its failures into
// JavaScript errors. What a launch is stands in core/launch.h; the types of this boundary in lib/native.ts.

#include <fcntl.h>
#include <napi.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "watch.h"

extern "C" {
#include "core/environment.h"
#include "core/explain.h"
#include "core/launch.h"
}

#include "inspect.h"
#include "process.h"

extern char **environ;

namespace {

// Everything one launch needs, in one list of blocks that is freed if the launch comes back. No C++ container: the core
// wants plain pointers, and a failed allocation must become an error and not an abort.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory() {
    while (blocks_ != nullptr) {
      Block *next = blocks_->next;
      std::free(blocks_);
      blocks_ = next;
    }
  }

  /** Zeroed room for `count` things, or nullptr. */
  template <typename T>
  T *take(size_t count) {
    if (count > (SIZE_MAX - sizeof(Block)) / sizeof(T)) return nullptr;
    auto *block = static_cast<Block *>(std::calloc(1, sizeof(Block) + count * sizeof(T)));
    if (block == nullptr) return nullptr;
    block->next = blocks_;
    blocks_ = block;
    return reinterpret_cast<T *>(block + 1);
  }

 private:
  struct alignas(16) Block {
    Block *next;
  };
  Block *blocks_ = nullptr;
};

const char *stepName(sr_step step) {
  switch (step) {
    case SR_STEP_ACTIONS:
      return "actions";
    case SR_STEP_DESCRIPTORS:
      return "descriptors";
    case SR_STEP_LIMIT:
      return "limit";
    case SR_STEP_SIGNALS:
      return "signals";
    case SR_STEP_NO_NEW_PRIVILEGES:
      return "no_new_privs";
    case SR_STEP_INSTALL:
      return "install";
    case SR_STEP_HELPER:
      return "helper";
  }
  return "unknown";
}

void fail(Napi::Env env, const char *step, int error, uint32_t action = 0) {
  napi_value error_value;
  if (napi_create_error(env, nullptr, Napi::String::New(env, "the launch failed before the filter"), &error_value) !=
      napi_ok)
    return;
  Napi::Object problem(env, error_value);
  problem.Set("step", Napi::String::New(env, step));
  problem.Set("errno", Napi::Number::New(env, error));
  problem.Set("action", Napi::Number::New(env, action));
  napi_throw(env, problem);
}

bool wrong(Napi::Env env, const char *what) {
  napi_throw_type_error(env, nullptr, what);
  return false;
}

bool noMemory(Napi::Env env) {
  fail(env, "memory", ENOMEM);
  return false;
}

bool getBytes(Napi::Env env, Napi::Value value, const char *what, const uint8_t **data, size_t *length) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) return wrong(env, what);
  auto array = value.As<Napi::Uint8Array>();
  *data = array.Data();
  *length = array.ByteLength();
  return true;
}

/** Bytes as a C string; a NUL inside would silently cut it. */
bool getString(Napi::Env env, Memory &memory, Napi::Value value, const char *what, char **text) {
  const uint8_t *data;
  size_t length;
  if (!getBytes(env, value, what, &data, &length)) return false;
  if (length > 0 && std::memchr(data, 0, length) != nullptr) return wrong(env, what);
  *text = memory.take<char>(length + 1);
  if (*text == nullptr) return noMemory(env);
  if (length > 0) std::memcpy(*text, data, length);
  return true;
}

bool getFilter(Napi::Env env, Memory &memory, const sr_cookie &cookie, Napi::Value value, sr_filter *filter) {
  if (!value.IsObject()) return wrong(env, "a filter must be an object");
  auto object = value.As<Napi::Object>();
  const uint8_t *data;
  size_t length;
  if (!getBytes(env, object.Get("program"), "program must be a Uint8Array", &data, &length)) return false;
  size_t instructions = length / sizeof(sock_filter);
  if (length % sizeof(sock_filter) != 0 || instructions == 0 || instructions > BPF_MAXINSNS)
    return wrong(env, "program must be 1 to 4096 instructions of 8 bytes");
  filter->program = memory.take<sock_filter>(instructions);
  if (filter->program == nullptr) return noMemory(env);
  std::memcpy(filter->program, data, length);
  filter->length = static_cast<unsigned short>(instructions);

  Napi::Value marks = object.Get("cookies");
  if (!marks.IsTypedArray() || marks.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array)
    return wrong(env, "cookies must be a Uint32Array");
  auto pairs = marks.As<Napi::Uint32Array>();
  if (pairs.ElementLength() % 2 != 0 ||
      sr_cookie_patch(&cookie, filter->program, instructions, pairs.Data(), pairs.ElementLength() / 2) != 0)
    return wrong(env, "cookies must be pairs of the index of a JEQ|K instruction and a word from 0 to 5");
  return true;
}

bool getFilters(Napi::Env env, Memory &memory, const sr_cookie &cookie, Napi::Value value, const sr_filter **into,
                size_t *into_count) {
  if (!value.IsArray()) return wrong(env, "filters must be an array");
  auto list = value.As<Napi::Array>();
  uint32_t count = list.Length();
  if (count == 0) return wrong(env, "filters must not be empty");
  auto *filters = memory.take<sr_filter>(count);
  if (filters == nullptr) return noMemory(env);
  for (uint32_t i = 0; i < count; i++) {
    if (!getFilter(env, memory, cookie, list.Get(i), &filters[i])) return false;
  }
  *into = filters;
  *into_count = count;
  return true;
}

bool getArguments(Napi::Env env, Memory &memory, Napi::Value value, char *const **argv) {
  if (!value.IsArray() || value.As<Napi::Array>().Length() == 0) return wrong(env, "argv must be an array of at least one");
  auto list = value.As<Napi::Array>();
  uint32_t count = list.Length();
  char **words = memory.take<char *>(size_t{count} + 1);
  if (words == nullptr) return noMemory(env);
  for (uint32_t i = 0; i < count; i++) {
    if (!getString(env, memory, list.Get(i), "argv must hold Uint8Arrays without a zero byte", &words[i])) return false;
  }
  *argv = words;
  return true;
}

bool getMessage(Napi::Env env, Memory &memory, Napi::Value value, sr_message *message) {
  const uint8_t *data;
  size_t length;
  if (!getBytes(env, value, "prefix must be a Uint8Array", &data, &length)) return false;
  message->size = length + SR_MESSAGE_ROOM;
  message->text = memory.take<char>(message->size);
  if (message->text == nullptr) return noMemory(env);
  if (length > 0) std::memcpy(message->text, data, length);
  message->length = length;
  return true;
}

/** The watcher, if there is one: how it is started and the text for it, and the filter that it listens to. */
bool getHelper(Napi::Env env, Memory &memory, const sr_cookie &cookie, Napi::Value value, sr_explained *explained,
               sr_launch *launch) {
  sr_helper *helper = &explained->helper;
  if (value.IsUndefined()) return true;
  if (!value.IsObject()) return wrong(env, "helper must be an object");
  auto object = value.As<Napi::Object>();
  Napi::Value watched = object.Get("watched");
  size_t count = 0;
  helper->mode = SR_HELPER_RECORD;
  if (!watched.IsUndefined()) {
    helper->mode = SR_HELPER_EXPLAIN;
    if (!getFilters(env, memory, cookie, watched, &explained->watched, &count)) return false;
    // The kernel has one listener in a chain.
    if (count != 1) return wrong(env, "watched must be one filter");
    launch->attempt = sr_launch_explained;
    launch->context = explained;
  }
  char *path;
  if (!getString(env, memory, object.Get("path"), "the helper's path must be a Uint8Array", &path)) return false;
  helper->path = path;
  if (!getArguments(env, memory, object.Get("argv"), &helper->argv)) return false;
  const uint8_t *text;
  if (!getBytes(env, object.Get("text"), "text must be a Uint8Array", &text, &helper->text_length)) return false;
  helper->text = text;
  helper->envp = environ;
  int result = sr_helper_start(helper);
  if (result == 0 && helper->mode == SR_HELPER_RECORD) result = sr_helper_await(helper);
  if (result != 0) fail(env, "helper", -result);
  return result == 0;
}

/** Filters that begin later than exec, if there are any. */
bool getLater(Napi::Env env, Memory &memory, const sr_cookie &cookie, Napi::Value value, const sr_message &prefix,
              sr_later *later, sr_launch *launch) {
  if (value.IsUndefined()) return true;
  if (!value.IsObject()) return wrong(env, "later must be an object");
  auto object = value.As<Napi::Object>();
  Napi::Value place = object.Get("place"), offset = object.Get("offset");
  if (!place.IsNumber() || !offset.IsNumber()) return wrong(env, "place and offset must be numbers");
  int64_t which = place.As<Napi::Number>().Int64Value();
  if (which < SR_AT_ENTRY || which > SR_AT_MAIN_BY_START) return wrong(env, "place must be 1, 2 or 3");
  later->place = static_cast<sr_place>(which);
  later->offset = offset.As<Napi::Number>().Int64Value();
  Napi::Value filters = object.Get("filters");
  later->is_check = filters.IsUndefined();
  if (!later->is_check && !getFilters(env, memory, cookie, filters, &later->filters, &later->filter_count)) return false;
  later->flags = launch->flags;
  later->prefix = prefix.text;
  later->prefix_length = prefix.length;
  launch->later = later;
  return true;
}

bool getRest(Napi::Env env, Memory &memory, const sr_cookie &cookie, Napi::Object options, sr_message *message,
             sr_launch *launch) {
  if (!getFilters(env, memory, cookie, options.Get("filters"), &launch->filters, &launch->filter_count)) return false;

  Napi::Value flags = options.Get("flags");
  // LOG and SPEC_ALLOW. Others (TSYNC, NEW_LISTENER) would mean a different launch.
  if (!flags.IsNumber() || (flags.As<Napi::Number>().Int64Value() & ~int64_t{2 | 4}) != 0)
    return wrong(env, "flags must be SECCOMP_FILTER_FLAG_LOG (2), SECCOMP_FILTER_FLAG_SPEC_ALLOW (4), both or 0");
  launch->flags = flags.As<Napi::Number>().Uint32Value();

  char *path;
  if (!getString(env, memory, options.Get("path"), "path must be a Uint8Array without a zero byte", &path)) return false;
  launch->path = path;
  if (!getArguments(env, memory, options.Get("argv"), &launch->argv)) return false;
  if (!getMessage(env, memory, options.Get("prefix"), message)) return false;

  Napi::Value descriptors = options.Get("descriptors");
  if (!descriptors.IsTypedArray() || descriptors.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    return wrong(env, "descriptors must be an Int32Array");
  launch->descriptors = descriptors.As<Napi::Int32Array>().Data();
  launch->descriptor_count = descriptors.As<Napi::Int32Array>().ElementLength();

  Napi::Value openFiles = options.Get("openFiles");
  if (!openFiles.IsNumber()) return wrong(env, "openFiles must be a number");
  launch->open_files = openFiles.As<Napi::Number>().Int64Value();

  Napi::Value more = options.Get("variables");
  uint32_t added = more.IsArray() ? more.As<Napi::Array>().Length() : 0;
  char **variables = memory.take<char *>(sr_count(environ) + 1 + added);
  if (variables == nullptr) return noMemory(env);
  sr_without_own(environ, variables);
  for (uint32_t i = 0; i < added; i++) {
    Napi::Value entry = more.As<Napi::Array>().Get(i);
    if (!getString(env, memory, entry, "variables must be Uint8Arrays without a zero byte", &variables[sr_count(variables)]))
      return false;
  }
  launch->envp = variables;
  return true;
}

Napi::Value launch(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsObject()) {
    wrong(env, "launch takes one object");
    return env.Undefined();
  }
  Memory memory;
  sr_cookie cookie{};
  if (int result = sr_cookie_make(&cookie); result != 0) {
    fail(env, "cookie", -result);
    return env.Undefined();
  }
  sr_message message{};
  sr_launch request{};
  request.cookie = &cookie;
  request.message = &message;
  if (!getRest(env, memory, cookie, info[0].As<Napi::Object>(), &message, &request)) return env.Undefined();
  // Does not return where it succeeds, nor where it fails after the first filter.
  sr_explained explained{};
  if (!getHelper(env, memory, cookie, info[0].As<Napi::Object>().Get("helper"), &explained, &request))
    return env.Undefined();
  sr_later later{};
  if (!getLater(env, memory, cookie, info[0].As<Napi::Object>().Get("later"), message, &later, &request))
    return env.Undefined();
  sr_failure failure = sr_launch_in_place(&request);
  if (explained.helper.shared != nullptr) sr_helper_tell(&explained.helper, -1);
  fail(env, stepName(failure.step), failure.error, failure.action);
  return env.Undefined();
}

/// The flags that the descriptor was opened with, and O_CLOEXEC where exec closes it; -1 where it is not open.
Napi::Value descriptorFlags(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) {
    wrong(env, "descriptorFlags takes a number");
    return env.Undefined();
  }
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const int open = fcntl(fd, F_GETFL);
  const int own = fcntl(fd, F_GETFD);
  if (open < 0 || own < 0) return Napi::Number::New(env, -1);
  return Napi::Number::New(env, (own & FD_CLOEXEC) != 0 ? open | O_CLOEXEC : open);
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  // For a caller that is newer than the addon it finds: an unknown member would be ignored, and a filter left out.
  exports.Set("beginsLater", Napi::Boolean::New(env, true));
  exports.Set("launch", Napi::Function::New<launch>(env, "launch"));
  exports.Set("descriptorFlags", Napi::Function::New<descriptorFlags>(env, "descriptorFlags"));
  addWatching(env, exports);
  addProcess(env, exports);
  exports.Set("filters", Napi::Function::New<inspectFilters>(env, "filters"));
  return exports;
}

}  // namespace

NODE_API_MODULE(sandbox_run, initialise)
