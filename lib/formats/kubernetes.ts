// Kubernetes: the SeccompProfile resource of the security profiles operator, the localhost file that a kubelet hands to the
// runtime, and the lines of a pod that name it. Source: the operator's CRD (see kubernetes-write.ts); Kubernetes, "Restrict a
// Container's Syscalls with seccomp".
//
// Values in a resource are int64: those from 2^63 on cannot be said. A profile may name a base profile, whose calls are
// added; it is looked for in the same file, and beside it as NAME.yaml or NAME.json.

import { dirname, join } from 'node:path';
import { PolicyError } from '../errors.ts';
import type { Source } from '../policy/language/source.ts';
import { errorIn, type Format, type ReadOptions, type ReadResult } from './format.ts';
import { Part, writeJson, yaml } from './json.ts';
import { forRuntime, resourceName, writeResource } from './kubernetes-write.ts';
import { readSeccomp, seccompOf } from './oci.ts';

export const kubernetes: Format = {
  name: 'kubernetes',
  help: 'Kubernetes SeccompProfile resource (security profiles operator)',
  detect: (text) => /^[ \t]*"?kind"?[ \t]*:[ \t]*["']?SeccompProfile\b/m.test(text),
  read: readProfile,
  write: (policy, options) => writeResource(policy, options, 'v1'),
};

/** What operators before the version that brought `v1` understand. It is read as `kubernetes`. */
export const kubernetesBeta: Format = {
  name: 'kubernetes-v1beta1',
  help: 'The same, for operators that do not serve v1 of it yet',
  write: (policy, options) => writeResource(policy, options, 'v1beta1'),
};

/** The file below /var/lib/kubelet/seccomp. It is plain OCI. */
export const kubernetesLocalhost: Format = {
  name: 'kubernetes-localhost',
  help: "Kubernetes localhost profile: a file in the kubelet's seccomp folder",
  write(policy, options) {
    const { seccomp, lost } = seccompOf(policy, options);
    return { text: writeJson(seccomp), lost: [...lost, ...forRuntime(policy, options)] };
  },
};

/** What a pod says to get it. It holds no policy, so nothing of one can be lost in it. */
export const kubernetesPod: Format = {
  name: 'kubernetes-pod',
  help: 'the lines of a pod that name the localhost profile',
  write(_policy, options) {
    const localhostProfile = `profiles/${resourceName(options.name)}.json`;
    const pod = { spec: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile } } } };
    return { text: yaml().stringify(pod), lost: [] };
  },
};

function readProfile(text: string, options: ReadOptions): ReadResult {
  const profiles = profilesOf(text, options.file);
  const [first] = profiles;
  if (first === undefined) throw new PolicyError(`${options.file} has no SeccompProfile`);
  const wanted = options.part === undefined ? first : profiles.find((one) => nameOf(one) === options.part);
  if (wanted === undefined) {
    throw new PolicyError(`${options.file} has no SeccompProfile ${options.part}`, {
      advice: `it has ${profiles.map(nameOf).join(', ')}`,
    });
  }
  const isBase = (one: Part) => profiles.some((other) => baseOf(other) === nameOf(one));
  const own =
    options.part === undefined && profiles.length > 1 ? profiles.filter((one) => !isBase(one)) : [wanted];
  if (own.length > 1) {
    throw new PolicyError(`${options.file} has the profiles ${own.map(nameOf).join(', ')}`, {
      advice: `say which with --part, for example --part ${nameOf(own[0]!)}`,
    });
  }
  const profile = own[0] ?? wanted;
  return readSeccomp(withBases(profile, profiles, options, []), options);
}

/** In UTF-16 units. Profiles have some tens of thousands, and the time for YAML grows faster than its length. */
const MAX_YAML = 256 * 1024;

function profilesOf(text: string, file: string): readonly Part[] {
  const source: Source = { name: file, text };
  if (text.length > MAX_YAML) {
    throw new PolicyError(`${file} is too large`, { advice: `a resource has at most ${MAX_YAML / 1024} KB` });
  }
  const documents = yaml().parseAllDocuments(text, { intAsBigInt: true });
  const found: Part[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined)
      throw errorIn(source, error.pos[0], `this is not YAML: ${error.message.split('\n')[0]}`);
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (cause) {
      throw errorIn(source, 0, `this YAML cannot be read: ${(cause as Error).message.slice(0, 80)}`);
    }
    const part = new Part(value, [], source);
    if (typeof value === 'object' && value !== null && part.field('kind').value === 'SeccompProfile')
      found.push(part);
  }
  return found;
}

function nameOf(profile: Part): string {
  const name = profile.field('metadata').field('name');
  return name.isMissing ? '' : name.string();
}

function baseOf(profile: Part): string | undefined {
  const base = profile.field('spec').field('baseProfileName');
  return base.isMissing || base.value === '' ? undefined : base.string();
}

/** The profile's spec with the calls of its bases before its own. */
function withBases(
  profile: Part,
  known: readonly Part[],
  options: ReadOptions,
  chain: readonly string[],
): Part {
  const spec = profile.field('spec');
  if (spec.isMissing) throw spec.error('is missing');
  const name = baseOf(profile);
  if (name === undefined) return spec;
  if (chain.includes(name) || chain.length > 10) throw spec.error(`names base profiles in a circle: ${name}`);
  const base = known.find((one) => nameOf(one) === name) ?? loadBase(name, spec, options);
  const inner = withBases(base, known, options, [...chain, name]);
  const syscalls = [...inner.field('syscalls').list(), ...spec.field('syscalls').list()].map(
    (one) => one.value,
  );
  return new Part({ ...spec.object(), syscalls }, spec.path, spec.source);
}

function loadBase(name: string, spec: Part, options: ReadOptions): Part {
  for (const extension of ['yaml', 'json']) {
    if (!/^[\w.-]+$/.test(name) || options.files === undefined) break;
    const path = join(dirname(options.file), `${name}.${extension}`);
    let text: string;
    try {
      text = options.files.text(path);
    } catch {
      continue;
    }
    const found = profilesOf(text, path).find((one) => nameOf(one) === name);
    if (found !== undefined) return found;
  }
  throw spec
    .field('baseProfileName')
    .error(`names ${name}, which is not there`, `put it beside as ${name}.yaml, or into the same file`);
}
