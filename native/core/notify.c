// See notify.h and record.h.

#include "notify.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <linux/poll.h>

#include "recorder.h"
#include "syscall.h"

// Linux 5.19 and 6.6; older headers lack them.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)
#endif
#define SYNC_WAKE_UP 1

struct poll_request {
  int32_t descriptor;
  int16_t events, found;
};

static long control(int listener, unsigned long request, const void *data) {
  return sr_syscall4(__NR_ioctl, listener, (long)request, (long)data, 0);
}

/** 1: there is a call; 0: the time is over; -ENOENT: nobody left. */
static int wait_for_call(int listener, int timeout) {
  struct poll_request request = {.descriptor = listener, .events = POLLIN};
  int64_t time[2] = {timeout / 1000, (int64_t)(timeout % 1000) * 1000000};
  long result = sr_syscall6(__NR_ppoll, (long)&request, 1, timeout < 0 ? 0 : (long)time, 0, 8, 0);
  if (sr_failed(result)) return result == -EINTR ? 0 : (int)result;
  if (result == 0) return 0;
  return (request.found & POLLIN) != 0 ? 1 : -ENOENT;
}

/** Taken while something else was awaited; a ring. */
static struct seccomp_notif kept[1024];
static unsigned kept_first, kept_count;

int sr_notify_keep(const struct seccomp_notif *notification) {
  if (kept_count == sizeof kept / sizeof kept[0]) return -ENOMEM;
  kept[(kept_first + kept_count++) % (sizeof kept / sizeof kept[0])] = *notification;
  return 0;
}

int sr_notify_receive(int listener, struct seccomp_notif *notification, int timeout) {
  if (kept_count > 0) {
    *notification = kept[kept_first];
    kept_first = (kept_first + 1) % (sizeof kept / sizeof kept[0]);
    kept_count--;
    return 0;
  }
  return sr_notify_take(listener, notification, timeout);
}

int sr_notify_take(int listener, struct seccomp_notif *notification, int timeout) {
  int ready = wait_for_call(listener, timeout);
  if (ready == 0) return -ETIME;
  if (ready < 0) return ready;
  *notification = (struct seccomp_notif){0};
  long result = control(listener, SECCOMP_IOCTL_NOTIF_RECV, notification);
  // The thread was killed between the two calls.
  if (result == -ENOENT || result == -EINTR) return -ETIME;
  return sr_failed(result) ? (int)result : 0;
}

static int answer(int listener, const struct seccomp_notif_resp *response) {
  long result = control(listener, SECCOMP_IOCTL_NOTIF_SEND, response);
  return sr_failed(result) ? (int)result : 0;
}

int sr_notify_refuse(int listener, uint64_t id, int error) {
  struct seccomp_notif_resp response = {.id = id, .error = -error};
  return answer(listener, &response);
}

int sr_notify_continue(int listener, uint64_t id) {
  struct seccomp_notif_resp response = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  return answer(listener, &response);
}

int sr_notify_valid(int listener, uint64_t id) {
  long result = control(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
  return sr_failed(result) ? (int)result : 0;
}

#define SA_RESTART 0x10000000UL

/** Whether this call sets a handler that interrupts calls. What cannot be read counts as one. */
static int sets_interrupting_handler(const struct seccomp_notif *notification) {
  if (notification->data.nr != __NR_rt_sigaction || notification->data.args[1] == 0) return 0;
  // struct sigaction of the kernel: handler, flags.
  uint64_t action[2] = {0};
  uint64_t local[2] = {(uint64_t)action, sizeof action}, remote[2] = {notification->data.args[1], sizeof action};
  long result =
      sr_syscall6(__NR_process_vm_readv, notification->pid, (long)local, 1, (long)remote, 1, 0);
  if (result != sizeof action) return 1;
  return action[0] > 1 && (action[1] & SA_RESTART) == 0;
}

static int is_native(const struct seccomp_notif *notification, const struct sr_recorder *recorder) {
  return recorder->table_count > 0 && notification->data.arch == recorder->tables[0].arch;
}

static void take(struct sr_recorder *recorder, const struct seccomp_notif *notification) {
  struct sr_task *task = sr_task_add(recorder, (int32_t)notification->pid);
  if (task == NULL) return;
  if (!task->known) {
    task->program = sr_program_of(recorder, task->id);
    task->known = 1;
  }
  uint64_t args[6];
  for (int i = 0; i < 6; i++) args[i] = notification->data.args[i];
  sr_record_call(recorder, task, notification->data.arch, (uint32_t)notification->data.nr, args);
  if (!is_native(notification, recorder)) return;
  switch (notification->data.nr) {
    case __NR_execve:
    case __NR_execveat:
      task->known = 0;
      break;
    case __NR_exit:
    case __NR_exit_group:
      sr_task_remove(recorder, task->id);
      break;
    case __NR_rt_sigaction:
      if (sets_interrupting_handler(notification)) recorder->unreliable = 1;
      break;
  }
}

enum sr_event sr_record_notified(struct sr_recorder *recorder, int listener, int blocks) {
  if (!recorder->started) {
    recorder->started = 1;
    // The waker goes to sleep at once: both sides can then share a processor.
    control(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (const void *)SYNC_WAKE_UP);
  }
  struct seccomp_notif notification;
  for (;;) {
    if (sr_record_wakes) {
      sr_record_wakes = 0;
      return SR_EVENT_TICK;
    }
    if (!blocks) {
      int ready = wait_for_call(listener, -1);
      if (ready == 0) continue;
      if (ready < 0) return SR_EVENT_DONE;
    }
    notification = (struct seccomp_notif){0};
    long result = control(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification);
    if (result == -EINTR) continue;
    if (result == -ENOENT) {
      // Somebody was killed, or nobody is left.
      if (wait_for_call(listener, 0) < 0) return SR_EVENT_DONE;
      continue;
    }
    if (sr_failed(result)) return SR_EVENT_DONE;
    take(recorder, &notification);
    sr_notify_continue(listener, notification.id);
  }
}
