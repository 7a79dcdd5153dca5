// Named constants against the kernel's headers of every architecture that is installed, and against the C library's for names that
// the kernel's headers do not have. What neither knows must be listed as newer, so that a slip in a name cannot hide.

import { describe, expect, it } from 'vitest';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import {
  constantFamilies,
  constantNames,
  constantValue,
  familyConstants,
  isConstantName,
  nameConstant,
  nameFlags,
} from '../../lib/linux/constants.ts';
import { type HeaderSet, headerSets, libraryValues, loongarch, unavailable, valuesOf } from './headers.ts';
import { newerConstants, synthetic } from './newer-constants.ts';

const kernelHeaders = `
  asm/errno.h asm/ioctls.h asm/prctl.h asm/ptrace.h asm/socket.h asm/termbits.h asm/termios.h
  linux/aio_abi.h linux/blktrace_api.h linux/blkzoned.h linux/bpf.h linux/capability.h linux/cdrom.h
  linux/close_range.h linux/dm-ioctl.h linux/dma-buf.h linux/dma-heap.h linux/dqblk_xfs.h
  linux/eventpoll.h linux/fadvise.h linux/falloc.h linux/fanotify.h linux/fcntl.h linux/fd.h
  linux/fiemap.h linux/fs.h linux/fscrypt.h linux/fsverity.h linux/fuse.h linux/futex.h linux/hdreg.h
  linux/hidraw.h linux/if_packet.h linux/if_tun.h linux/in.h linux/in6.h linux/inotify.h linux/input.h
  linux/io_uring.h linux/ioprio.h linux/ipc.h linux/kcmp.h linux/kd.h linux/kexec.h linux/keyctl.h
  linux/kvm.h linux/landlock.h linux/loop.h linux/membarrier.h linux/memfd.h linux/mempolicy.h
  linux/mman.h linux/module.h linux/mount.h linux/mqueue.h linux/msdos_fs.h linux/msg.h linux/nbd.h
  linux/net.h linux/netfilter_ipv4.h linux/netlink.h linux/nsfs.h linux/openat2.h linux/perf_event.h
  linux/personality.h linux/pidfd.h linux/poll.h linux/prctl.h linux/ptrace.h linux/quota.h
  linux/random.h linux/reboot.h linux/resource.h linux/rseq.h linux/rtc.h linux/sched.h linux/seccomp.h
  linux/sem.h linux/serial.h linux/shm.h linux/signal.h linux/signalfd.h linux/socket.h linux/sockios.h
  linux/stat.h linux/swab.h linux/tcp.h linux/time.h linux/timerfd.h linux/timex.h linux/tiocl.h
  linux/tty.h linux/types.h linux/udp.h linux/uhid.h linux/uinput.h linux/userfaultfd.h linux/vfio.h
  linux/vhost.h linux/vm_sockets.h linux/vt.h linux/wait.h linux/watchdog.h linux/xattr.h scsi/sg.h
`;

const libraryHeaders = `
  fcntl.h unistd.h sys/types.h sys/socket.h sys/mount.h sys/eventfd.h sys/swap.h sys/mman.h sys/epoll.h
  sched.h netinet/in.h netinet/tcp.h netinet/udp.h sys/ptrace.h sys/uio.h poll.h
`;

const words = (text: string) => text.trim().split(/\s+/);

const includes = [
  '#include <sys/types.h>',
  '#include <sys/socket.h>',
  '#include <linux/time.h>',
  ...words(kernelHeaders).map((name) => `#if __has_include(<${name}>)\n#include <${name}>\n#endif`),
].join('\n');

/** The same number: unsigned and negative forms of 32 and 64 bits are one. */
function same(ours: bigint, theirs: bigint): boolean {
  return ours === theirs || ours === BigInt.asUintN(64, theirs) || ours === BigInt.asUintN(32, theirs);
}

function valuesIn(set: HeaderSet): Map<string, bigint> {
  return valuesOf(set, includes, constantNames());
}

function differences(abi: Abi, theirs: ReadonlyMap<string, bigint>): string[] {
  const wrong: string[] = [];
  for (const [name, value] of theirs) {
    if (synthetic.has(name)) continue;
    const ours = constantValue(name, abi);
    if (ours === undefined || !same(ours, value)) wrong.push(`${name}: ${value}, ours ${ours}`);
  }
  return wrong;
}

describe('constants against the kernel headers', () => {
  for (const set of [...headerSets, loongarch()]) {
    const reason = unavailable(set);
    it.skipIf(reason !== undefined)(
      `${set.abi}${reason === undefined ? '' : ` ${reason}`}`,
      () => {
        const theirs = valuesIn(set);
        expect(theirs.size).toBeGreaterThan(1700);
        expect(differences(abis[set.abi], theirs)).toEqual([]);
      },
      30_000,
    );
  }

  it.skipIf(unavailable(headerSets[0]!) !== undefined)(
    'and the rest against the C library, or listed as newer',
    () => {
      const inKernel = valuesIn(headerSets[0]!);
      const anywhere = new Set(
        constantNames().filter((name) => constantValue(name, abis.x86_64) !== undefined),
      );
      const rest = [...anywhere].filter((name) => !inKernel.has(name));
      const inLibrary = libraryValues(
        ['#define _GNU_SOURCE', ...words(libraryHeaders).map((name) => `#include <${name}>`)].join('\n'),
        rest,
      );
      expect(inLibrary.size).toBeGreaterThan(100);
      const wrong: string[] = [];
      for (const name of rest) {
        const theirs = inLibrary.get(name);
        if (theirs === undefined) {
          if (!newerConstants.has(name) && !synthetic.has(name)) wrong.push(`${name}: in no header`);
        } else if (!same(constantValue(name, abis.x86_64)!, theirs)) {
          wrong.push(`${name}: ${theirs}, ours ${constantValue(name, abis.x86_64)}`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );
});

describe('constants', () => {
  it('differ where architectures do', () => {
    expect(constantValue('O_DIRECTORY', abis.x86_64)).toBe(0o200000n);
    expect(constantValue('O_DIRECTORY', abis.aarch64)).toBe(0o40000n);
    expect(constantValue('SOCK_STREAM', abis.mips64)).toBe(2n);
    expect(constantValue('TCGETS', abis.ppc64le)).toBe(0x402c7413n);
    expect(constantValue('SIGUSR1', abis.mipsel64)).toBe(16n);
    expect(constantValue('ENOSYS', abis.mips64)).toBe(89n);
    expect(constantValue('AT_FDCWD', abis.x86_64)).toBe(-100n);
  });

  it('are known by name on any architecture, or not at all', () => {
    expect(isConstantName('MAP_AUTORSRV')).toBe(true);
    expect(constantValue('MAP_AUTORSRV', abis.x86_64)).toBeUndefined();
    expect(isConstantName('EPERM')).toBe(true);
    expect(isConstantName('SIGEMT')).toBe(true);
    for (const name of ['', 'O_', 'O_CREAT 0o100', 'o_creat', '\n', 'MAP', 'toString', '__proto__']) {
      expect(isConstantName(name), name).toBe(false);
      expect(constantValue(name, abis.x86_64), name).toBeUndefined();
    }
  });

  it('stand once in the tables', () => {
    const names = constantNames();
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(2000);
  });

  it('all have a family, and all members of families have a value somewhere', () => {
    const inFamilies = new Set<string>();
    for (const family of constantFamilies()) {
      let members = 0;
      for (const abi of Object.values(abis)) {
        for (const { name } of familyConstants(family, abi)) inFamilies.add(name);
        members = Math.max(members, familyConstants(family, abi).length);
      }
      expect(members, family).toBeGreaterThan(0);
    }
    const alone = constantNames().filter((name) => !inFamilies.has(name) && !/^E[A-Z0-9]+$|^SIG/.test(name));
    expect(alone.sort()).toEqual([...maskNames].sort());
  });

  const maskNames = [
    'CSIGNAL',
    'FUTEX2_SIZE_MASK',
    'FUTEX_CMD_BITS',
    'IORING_REGISTER_BITS',
    'MAP_TYPE',
    'MS_MGC_MSK',
    'O_ACCMODE',
    'PER_MASK',
    'SCHED_POLICY_BITS',
    'SOCK_TYPE_MASK',
    'S_IFMT',
  ];
});

describe('values in words', () => {
  const x86 = abis.x86_64;

  it.each([
    ['open-flags', 0n, 'O_RDONLY'],
    ['open-flags', 0x80000n, 'O_RDONLY|O_CLOEXEC'],
    ['open-flags', 0x241n, 'O_WRONLY|O_CREAT|O_TRUNC'],
    ['open-flags', 0x410002n, 'O_RDWR|O_TMPFILE'],
    ['open-flags', 0x101000n, 'O_RDONLY|O_SYNC'],
    ['open-flags', 0x40000003n, '0x3|0x40000000'],
    ['mmap-prot', 0n, 'PROT_NONE'],
    ['mmap-prot', 5n, 'PROT_READ|PROT_EXEC'],
    ['mmap-flags', 0x22n, 'MAP_PRIVATE|MAP_ANONYMOUS'],
    ['socket-types', 0x80801n, 'SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK'],
    ['clone-flags', 0x1200011n, 'SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID'],
    ['clone-flags', 0x10000000n, 'CLONE_NEWUSER'],
    ['futex-operations', 0x189n, 'FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME'],
    ['file-mode', 0o100644n, 'S_IFREG|0644'],
    ['file-mode', 0o4755n, 'S_ISUID|0755'],
    ['wait-options', 0n, '0'],
    ['access-mode', 0n, 'F_OK'],
    ['access-mode', 6n, 'R_OK|W_OK'],
    ['wait-options', -0x80000000n, '__WCLONE'],
    ['no-such-family', 5n, '0x5'],
  ])('%s %s is %s', (family, value, text) => {
    expect(nameFlags(family, value, x86)).toBe(text);
  });

  it('never lose a bit', () => {
    for (const family of constantFamilies()) {
      for (const value of [1n, 0xffn, 0x12345678n, 0xffffffffn, 0x5555aaaan]) {
        const back = nameFlags(family, value, x86)
          .split('|')
          .map((part) => constantValue(part, x86) ?? BigInt(part.replace(/^0(?=[0-7])/, '0o')))
          .reduce((all, one) => all | (one < 0n ? BigInt.asUintN(32, one) : one), 0n);
        expect(back, `${family} ${value}`).toBe(value);
      }
    }
  });

  it('are named singly by the first of several names', () => {
    expect(nameConstant('address-families', 1n, x86)).toBe('AF_UNIX');
    expect(nameConstant('ioctl-commands', 0x5412n, x86)).toBe('TIOCSTI');
    expect(nameConstant('ioctl-commands', 0x5412n, abis.mips64)).toBeUndefined();
    expect(nameConstant('directory-fd', 0xffffff9cn, x86)).toBe('AT_FDCWD');
    expect(nameConstant('directory-fd', -100n, x86)).toBe('AT_FDCWD');
    expect(nameConstant('directory-fd', 3n, x86)).toBeUndefined();
  });
});
