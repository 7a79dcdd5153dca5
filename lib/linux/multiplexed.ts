// Calls that hide behind another one on i386, s390x and others: socketcall and ipc take the number of the call that is meant, and where its
// arguments lie in memory, which no filter can see.

/** Numbers of socketcall(call, …), SYS_SOCKET … in include/uapi/linux/net.h. */
const socketCalls = [
  ...['socket', 'bind', 'connect', 'listen', 'accept', 'getsockname', 'getpeername', 'socketpair'],
  ...['send', 'recv', 'sendto', 'recvfrom', 'shutdown', 'setsockopt', 'getsockopt', 'sendmsg', 'recvmsg'],
  ...['accept4', 'recvmmsg', 'sendmmsg'],
];

/** Numbers of ipc(call, …), SEMOP … in include/uapi/linux/ipc.h. */
const ipcCalls: Readonly<Record<string, number>> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
};

/** The multiplexer that a call hides behind on some ABIs, and its number there. */
export function multiplexed(name: string): { readonly call: string; readonly number: number } | undefined {
  const socket = socketCalls.indexOf(name);
  if (socket >= 0) return { call: 'socketcall', number: socket + 1 };
  const ipc = Object.hasOwn(ipcCalls, name) ? ipcCalls[name] : undefined;
  return ipc === undefined ? undefined : { call: 'ipc', number: ipc };
}

/** All calls that hide behind another one somewhere. */
export const multiplexedCalls: readonly string[] = [...socketCalls, ...Object.keys(ipcCalls)];
