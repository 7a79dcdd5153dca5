// What help and the manual page both say of running programs.

export const RUN_EXAMPLES: readonly (readonly [command: string, what: string])[] = [
  ['$0 --allow read,write,exit_group -- ./app', 'start ./app, which may do only this'],
  ['$0 --deny ptrace,@mount -- ./app', 'everything but this'],
  ['$0 --policy app.policy -- ./app --its-own-option', 'as a file says'],
  ['SECCOMP_SYSCALL_ALLOW=read:write $0 ./app', 'as the environment says'],
];

export const EXIT_STATUS = `The program's own, and its death by a signal; 125 if it was not started, 126 if it cannot be
executed, 127 if it is not found. A program that is killed for a refused call dies of SIGSYS (159 in a shell).
Commands: 0, 1 for an answer that is no, 2 for an error.`;
