import { expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { kubernetes, kubernetesLocalhost, kubernetesPod } from '../../lib/formats/kubernetes.ts';
import { oci } from '../../lib/formats/oci.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'dir/x.yaml', abi: abis.x86_64 };
const read = (text: string, more: Partial<ReadOptions> = {}) =>
  kubernetes.read!(text, { ...options, ...more }).policy;
const write = { name: 'My app', abis: [abis.x86_64] } as const;
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const resource = (
  name: string,
  calls: string,
  base = '',
) => `apiVersion: security-profiles-operator.x-k8s.io/v1beta1
kind: SeccompProfile
metadata:
  name: ${name}
spec:
  defaultAction: SCMP_ACT_ERRNO
${base}  architectures: [SCMP_ARCH_X86_64]
  syscalls:
    - action: SCMP_ACT_ALLOW
      names: [${calls}]
`;

test('a resource is read', () => {
  const text = resource('one', 'read, write');
  expect(kubernetes.detect!(text, 'x')).toBe(true);
  expect([0, 1, 2].map((one) => ask(read(text), one))).toEqual(['allow', 'allow', 'errno 1']);
});

test('a base profile’s calls are added, from the same file or the one beside it', () => {
  const derived = resource('app', 'write', '  baseProfileName: base\n');
  const both = `${resource('base', 'read')}---\n${derived}`;
  expect([0, 1, 2].map((one) => ask(read(both), one))).toEqual(['allow', 'allow', 'errno 1']);
  const files = {
    text: (path: string) => {
      if (path !== 'dir/base.yaml') throw new PolicyError('not there');
      return resource('base', 'read');
    },
    list: () => [],
  };
  expect(ask(read(derived, { files }), 0)).toBe('allow');
  expect(() => read(derived)).toThrow('names base, which is not there');
});

test('values beyond int64 are told, and only what is narrower is written', () => {
  const policy = parsePolicy(
    'default errno EPERM\nunknown errno EPERM\nabi x86_64\nallow lseek(offset == -1)',
    {
      file: 'x',
    },
  );
  const { text, lost } = kubernetes.write!(policy, write);
  expect(lost.map((one) => one.what).join()).toContain('2^63');
  expect(ask(read(String(text)), nr('lseek'), [0n, -1n])).toBe('errno 1');
  const local = kubernetesLocalhost.write!(policy, write);
  expect(ask(oci.read!(String(local.text), options).policy, nr('lseek'), [0n, -1n])).toBe('allow');
});

test('the pod names the file', () => {
  const { text } = kubernetesPod.write!(parsePolicy('allow read', { file: 'x' }), write);
  expect(text).toBe(`spec:
  securityContext:
    seccompProfile:
      type: Localhost
      localhostProfile: profiles/my-app.json
`);
});

test('what the runtime needs itself is told', () => {
  const { lost } = kubernetes.write!(
    parsePolicy('default errno EPERM\nunknown errno EPERM\nallow read', { file: 'x' }),
    write,
  );
  expect(lost.map((one) => one.what).join()).toMatch(/runtime needs .*execve/);
});

test.each([
  ['not YAML', 'kind: SeccompProfile\n  bad: [', 'not YAML'],
  ['no spec', 'kind: SeccompProfile\nmetadata: {name: x}\n', 'spec is missing'],
  [
    'a circle',
    `${resource('a', 'read', '  baseProfileName: b\n')}---\n${resource('b', 'read', '  baseProfileName: a\n')}`,
    '',
  ],
  [
    'an alias bomb',
    `kind: SeccompProfile\na: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    '',
  ],
])('%s is an error', (_, text, message) => {
  expect(() => read(text)).toThrow(message === '' ? PolicyError : message);
});
