// Signals 1 to 31: name, number, and the ABIs where it differs (the format is in ../cells.ts).
// Source: include/uapi/asm-generic/signal.h, arch/x86/include/uapi/asm/signal.h, arch/mips/include/uapi/asm/signal.h of Linux 6.1.

export const signalTable: string = `\
SIGHUP 1
SIGINT 2
SIGQUIT 3
SIGILL 4
SIGTRAP 5
SIGABRT 6
SIGBUS 7 mips64=10
SIGFPE 8
SIGKILL 9
SIGUSR1 10 mips64=16
SIGSEGV 11
SIGUSR2 12 mips64=17
SIGPIPE 13
SIGALRM 14
SIGTERM 15
SIGSTKFLT 16 mips64=-
SIGCHLD 17 mips64=18
SIGCONT 18 mips64=25
SIGSTOP 19 mips64=23
SIGTSTP 20 mips64=24
SIGTTIN 21 mips64=26
SIGTTOU 22 mips64=27
SIGURG 23 mips64=21
SIGXCPU 24 mips64=30
SIGXFSZ 25 mips64=31
SIGVTALRM 26 mips64=28
SIGPROF 27 mips64=29
SIGWINCH 28 mips64=20
SIGIO 29 mips64=22
SIGPWR 30 mips64=19
SIGSYS 31 mips64=12
SIGEMT - mips64=7
`;

// Second names of the same signals; SIGUNUSED is from older headers, SIGCLD from System V (signal(7)).
export const signalAliases: string = `\
SIGIOT SIGABRT
SIGPOLL SIGIO
SIGCLD SIGCHLD
SIGUNUSED SIGSYS
`;
