// Face 1, third part: what lib/node needs of the system and Node does not give. Results are numbers, errors negated errnos; the
// types of this boundary are in lib/native.ts.

#include "process.h"

#include "older-glibc.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <linux/filter.h>
#include <new>

namespace {

// Linux 6.3; older headers lack it.
constexpr unsigned kExecutable = 0x10;

Napi::Value number(Napi::Env env, long value) { return Napi::Number::New(env, static_cast<double>(value)); }

// Launchers in memory stay open as long as their JavaScript wants, and no longer than it lives: a worker's end closes them.
struct Kept {
  int descriptor;
  Kept *next;
};

struct Keeper {
  Kept *first = nullptr;

  static void closeAll(void *keeper) {
    auto *self = static_cast<Keeper *>(keeper);
    while (self->first != nullptr) self->drop(self->first->descriptor);
  }

  /** The descriptor; or a negated errno, and it is closed. */
  int keep(int descriptor) {
    auto *kept = static_cast<Kept *>(std::malloc(sizeof(Kept)));
    if (kept == nullptr) {
      close(descriptor);
      return -ENOMEM;
    }
    *kept = {descriptor, first};
    first = kept;
    return descriptor;
  }

  /** Closes one, kept or not. */
  int drop(int descriptor) {
    for (Kept **at = &first; *at != nullptr; at = &(*at)->next) {
      if ((*at)->descriptor != descriptor) continue;
      Kept *found = *at;
      *at = found->next;
      std::free(found);
      break;
    }
    return close(descriptor) != 0 ? -errno : 0;
  }
};

Keeper *keeperOf(Napi::Env env) { return env.GetInstanceData<Keeper>(); }

/** (descriptor) → 0 or a negated errno. Not fs.closeSync, which in a worker asks who opened it. */
Napi::Value closeDescriptor(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return number(env, -EINVAL);
  return number(env, keeperOf(env)->drop(info[0].As<Napi::Number>().Int32Value()));
}

/** (least) → both ends of a pipe, close-on-exec, the writing one with at least this number; or a negated errno. */
Napi::Value makePipe(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return number(env, -EINVAL);
  int least = info[0].As<Napi::Number>().Int32Value();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return number(env, -errno);
  if (ends[1] < least) {
    int higher = fcntl(ends[1], F_DUPFD_CLOEXEC, least);
    int error = errno;
    close(ends[1]);
    if (higher < 0) {
      close(ends[0]);
      return number(env, -error);
    }
    ends[1] = higher;
  }
  auto pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::Number::New(env, ends[0]));
  pair.Set(1U, Napi::Number::New(env, ends[1]));
  return pair;
}

/** (bytes) → the descriptor of a file in memory that can be executed and not be changed any more; or a negated errno. */
Napi::Value memoryFile(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsTypedArray()) return number(env, -EINVAL);
  auto bytes = info[0].As<Napi::Uint8Array>();
  int fd = memfd_create("sandbox-launch", MFD_CLOEXEC | MFD_ALLOW_SEALING | kExecutable);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("sandbox-launch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return number(env, -errno);
  for (size_t at = 0; at < bytes.ByteLength();) {
    ssize_t written = write(fd, bytes.Data() + at, bytes.ByteLength() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      int error = errno;
      close(fd);
      return number(env, -error);
    }
    at += static_cast<size_t>(written);
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  return number(env, keeperOf(env)->keep(fd));
}

/** (least) → the descriptor of an empty file in memory, with at least this number; or a negated errno. */
Napi::Value scratchFile(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return number(env, -EINVAL);
  int fd = memfd_create("sandbox-run", MFD_CLOEXEC);
  if (fd < 0) return number(env, -errno);
  int higher = fcntl(fd, F_DUPFD_CLOEXEC, info[0].As<Napi::Number>().Int32Value());
  int error = errno;
  close(fd);
  return number(env, higher < 0 ? -error : higher);
}

/** (descriptor, least) → another one for the same file, close-on-exec, with at least this number; or a negated errno. */
Napi::Value duplicate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsNumber()) return number(env, -EINVAL);
  int higher = fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, info[1].As<Napi::Number>().Int32Value());
  return number(env, higher < 0 ? -errno : keeperOf(env)->keep(higher));
}

/** (process) → 0 when this child has ended and is gone, or a negated errno. */
Napi::Value reap(const Napi::CallbackInfo &info) {
  if (info.Length() != 1 || !info[0].IsNumber()) return number(info.Env(), -EINVAL);
  pid_t child = static_cast<pid_t>(info[0].As<Napi::Number>().Int32Value());
  while (waitpid(child, nullptr, 0) < 0) {
    if (errno != EINTR) return number(info.Env(), -errno);
  }
  return number(info.Env(), 0);
}

struct Restriction {
  sock_fprog program;
  /** Of seccomp(2) with TSYNC: 0, the thread that cannot be synchronised, or a negated errno. */
  long result;
};

// In a thread of its own: where it fails, the one thing that it has changed, no_new_privs of this thread, goes with it. Where it succeeds,
// the kernel gives no_new_privs to the others with the filter (kernel/seccomp.c, seccomp_sync_threads).
void *restrictFrom(void *context) {
  auto *restriction = static_cast<Restriction *>(context);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    restriction->result = -errno;
    return nullptr;
  }
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &restriction->program);
  restriction->result = result < 0 ? -errno : result;
  return nullptr;
}

/** (program) → 0; a thread's number that stands in the way; or a negated errno. All threads of this process, or none. */
Napi::Value restrictAll(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsTypedArray()) return number(env, -EINVAL);
  auto bytes = info[0].As<Napi::Uint8Array>();
  size_t length = bytes.ByteLength() / sizeof(sock_filter);
  if (length == 0 || length > BPF_MAXINSNS || bytes.ByteLength() % sizeof(sock_filter) != 0) return number(env, -EINVAL);
  Restriction restriction{};
  restriction.program.len = static_cast<unsigned short>(length);
  restriction.program.filter = reinterpret_cast<sock_filter *>(bytes.Data());
  pthread_t thread;
  int error = pthread_create(&thread, nullptr, restrictFrom, &restriction);
  if (error == 0) error = pthread_join(thread, nullptr);
  return number(env, error != 0 ? -error : restriction.result);
}

}  // namespace

void addProcess(Napi::Env env, Napi::Object exports) {
  auto *keeper = new (std::nothrow) Keeper;
  if (keeper == nullptr) return;
  env.SetInstanceData(keeper);
  napi_add_env_cleanup_hook(env, Keeper::closeAll, keeper);
  exports.Set("closeDescriptor", Napi::Function::New<closeDescriptor>(env, "closeDescriptor"));
  exports.Set("makePipe", Napi::Function::New<makePipe>(env, "makePipe"));
  exports.Set("memoryFile", Napi::Function::New<memoryFile>(env, "memoryFile"));
  exports.Set("scratchFile", Napi::Function::New<scratchFile>(env, "scratchFile"));
  exports.Set("duplicate", Napi::Function::New<duplicate>(env, "duplicate"));
  exports.Set("reap", Napi::Function::New<reap>(env, "reap"));
  exports.Set("restrictAll", Napi::Function::New<restrictAll>(env, "restrictAll"));
}
