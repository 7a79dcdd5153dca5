// Capabilities by name: what profiles' conditions speak of. Source: include/uapi/linux/capability.h.

import { UsageError } from '../errors.ts';
import { nearest } from '../linux/nearest.ts';

export const capabilityNames: readonly string[] = `
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** The capabilities of lists such as `CAP_SYS_ADMIN,net_admin`, `ALL` or `none`. Throws UsageError for an unknown name. */
export function capabilitiesOf(lists: readonly string[]): readonly string[] {
  const words = lists.flatMap((list) => list.split(/[,:\s]+/)).filter((word) => word !== '');
  return [...new Set(words.flatMap(named))];
}

function named(word: string): readonly string[] {
  const upper = word.toUpperCase();
  if (upper === 'ALL') return capabilityNames;
  if (upper === 'NONE') return [];
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (capabilityNames.includes(name)) return [name];
  const [close] = nearest(name, capabilityNames, 1);
  throw new UsageError(`--cap ${word.slice(0, 40)}: there is no such capability`, {
    advice: close === undefined ? 'names as in capabilities(7), ALL or none' : `did you mean ${close}?`,
  });
}
