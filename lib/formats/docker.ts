// Docker's (moby's) and containers-common's profiles: OCI's object with conditions on its rules and a map of architectures.
// Source: moby profiles/seccomp (seccomp.go, seccomp_linux.go), containers/common pkg/seccomp.
//
// A rule counts where all capabilities of `includes` are in the container's bounding set and none of `excludes`, where the
// machine is among `includes.arches` and not among `excludes.arches`, and where the kernel is at least `minKernel`.

import { release } from 'node:os';
import { PolicyError } from '../errors.ts';
import type { AbiName } from '../linux/abi.ts';
import type { Format, ReadOptions } from './format.ts';
import { objectOf, Part, readJson, writeJson } from './json.ts';
import { archNames, goArchNames } from './libseccomp.ts';
import { readSeccomp, seccompOf } from './oci.ts';

/** What Docker gives a container that asks for nothing (moby, oci/caps/defaults.go). */
export const dockerCapabilities: readonly string[] = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD', 'CAP_NET_RAW', 'CAP_SETGID'],
  ...['CAP_SETUID', 'CAP_SETFCAP', 'CAP_SETPCAP', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_KILL'],
  'CAP_AUDIT_WRITE',
];

export const docker: Format = {
  name: 'docker',
  help: 'Docker (moby) and containers-common seccomp profile, with conditions',
  detect(text) {
    const value = objectOf(text);
    if (value === undefined || !('defaultAction' in value) || 'ociVersion' in value) return false;
    const rules: unknown = value.syscalls;
    return (
      'archMap' in value ||
      (Array.isArray(rules) &&
        rules.some(
          (rule) =>
            typeof rule === 'object' &&
            rule !== null &&
            ('includes' in rule || 'excludes' in rule || 'name' in rule || 'errno' in rule),
        ))
    );
  },
  read(text, options) {
    const root = readJson(text, options.file);
    const archMap = root.field('archMap').list();
    const listed = root.field('architectures').list();
    if (archMap.length > 0 && listed.length > 0) {
      throw root.error('has both architectures and archMap', 'use one of them');
    }
    const kernel = options.kernel ?? release();
    const profile = archMap.length === 0 ? root : withArchitectures(root, archMap, options.abi.name);
    const result = readSeccomp(profile, options, (rule) => counts(rule, options, kernel));
    return result;
  },
  write(policy, options) {
    const { seccomp, lost } = seccompOf(policy, options);
    const { architectures, ...rest } = seccomp;
    const [native, ...others] = architectures as readonly string[];
    const archMap = [{ architecture: native, subArchitectures: others }];
    return { text: writeJson({ ...reordered(rest, archMap) }), lost };
  },
};

/** archMap behind the default, where people look for it. */
function reordered(
  { syscalls, ...head }: Readonly<Record<string, unknown>>,
  archMap: unknown,
): Readonly<Record<string, unknown>> {
  return { ...head, archMap, syscalls };
}

/** The architectures that archMap gives for this machine. */
function withArchitectures(root: Part, archMap: readonly Part[], abi: AbiName): Part {
  const own = archMap.find((entry) => archNames[entry.field('architecture').string()] === abi);
  const architectures =
    own === undefined
      ? []
      : [
          own.field('architecture').string(),
          ...own
            .field('subArchitectures')
            .list()
            .map((one) => one.string()),
        ];
  return new Part({ ...root.object(), architectures }, root.path, root.source);
}

function counts(rule: Part, options: ReadOptions, kernel: string): boolean {
  const capabilities = options.capabilities ?? dockerCapabilities;
  const arch = goArchNames[options.abi.name];
  const texts = (part: Part) => part.list().map((one) => one.string());
  const includes = rule.field('includes');
  const excludes = rule.field('excludes');
  const isArch = (name: string) => name === arch || (name === '386' && arch === 'x86');
  if (texts(excludes.field('arches')).some(isArch)) return false;
  if (texts(excludes.field('caps')).some((one) => capabilities.includes(one))) return false;
  const notBefore = excludes.field('minKernel');
  if (hasText(notBefore) && isAtLeast(kernel, notBefore)) return false;
  const arches = texts(includes.field('arches'));
  if (arches.length > 0 && !arches.some(isArch)) return false;
  if (!texts(includes.field('caps')).every((one) => capabilities.includes(one))) return false;
  const from = includes.field('minKernel');
  return !hasText(from) || isAtLeast(kernel, from);
}

function hasText(part: Part): boolean {
  return !part.isMissing && part.value !== '';
}

function isAtLeast(kernel: string, wanted: Part): boolean {
  const own = versionOf(kernel);
  const least = versionOf(wanted.string());
  if (least === undefined) throw wanted.error('is not a kernel version', 'write it as 4.8');
  if (own === undefined)
    throw new PolicyError(`${kernel} is not a kernel version`, { advice: 'write --kernel 6.1' });
  return own[0] > least[0] || (own[0] === least[0] && own[1] >= least[1]);
}

function versionOf(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}
