// What `convert` writes for Kubernetes against the published schemas: of the operator's resource, and of a Pod as Kubernetes' own
// OpenAPI has it (the npm package kubernetes-models is generated from it).

import { Ajv } from 'ajv';
import fc from 'fast-check';
import { Pod } from 'kubernetes-models/v1/Pod';
import { parse as parseJson } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import {
  kubernetes,
  kubernetesBeta,
  kubernetesLocalhost,
  kubernetesPod,
} from '../../lib/formats/kubernetes.ts';
import { abis } from '../../lib/linux/abi.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { policies } from '../policy/arbitraries.ts';
import { schemas } from './kubernetes-schemas.ts';

const ajv = new Ajv({ allErrors: true, strict: true });
ajv.addFormat('int32', { type: 'number', validate: (value) => Math.abs(value) <= 2 ** 31 - 1 });
// The parser below gives BigInt where a number would be rounded; ajv knows numbers, so the range is looked at before.
ajv.addFormat('int64', { type: 'number', validate: () => true });
const versions = {
  v1: { format: kubernetes, check: ajv.compile(schemas.v1) },
  v1beta1: { format: kubernetesBeta, check: ajv.compile(schemas.v1beta1) },
};
const write = { name: 'My app', abis: [abis.x86_64] } as const;

function faults(version: keyof typeof versions, text: string): unknown {
  const tooLarge: string[] = [];
  const value = parseYaml(text, { intAsBigInt: true }) as unknown;
  const plain = JSON.parse(
    JSON.stringify(value, (key, one) => {
      if (typeof one !== 'bigint') return one;
      if (one >= 1n << 63n) tooLarge.push(key);
      return Number(one);
    }),
  );
  const { check } = versions[version];
  return check(plain) ? tooLarge : check.errors;
}

const samples = {
  'an allow list':
    'default errno EPERM\nallow read, write, ioctl(cmd in {TCGETS, TIOCGWINSZ}), socket(domain == AF_UNIX)',
  'a deny list': 'default allow\nerrno ENOSYS clone3\nkill ptrace\ntrap reboot\nlog mount',
  'other ABIs': 'default kill\nabi x86_64, i386, x32\nallow read, write',
  'large values': 'default errno EPERM\nallow lseek(offset == -1), mmap(prot & PROT_EXEC)',
  'success without work': 'default errno EPERM\nerrno 0 fchown\ntrace 65535 open',
};

describe.each(Object.keys(versions) as (keyof typeof versions)[])('SeccompProfile %s', (version) => {
  const { format } = versions[version];

  test.each(Object.entries(samples))('%s', (_, text) => {
    const { text: written } = format.write!(parsePolicy(text, { file: 'x' }), write);
    expect(faults(version, String(written))).toEqual([]);
  });

  test('any policy, any name', () => {
    fc.assert(
      fc.property(policies({ numbers: true, decorated: true }), fc.string(), (policy, name) => {
        const text = String(format.write!(policy, { ...write, name }).text);
        expect(faults(version, text)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('the schema refuses what is not a resource', () => {
    const { text } = format.write!(parsePolicy(samples['an allow list'], { file: 'x' }), write);
    for (const [right, wrong] of [
      ['SCMP_ACT_ERRNO', 'SCMP_ACT_ERRNOO'],
      ['index: 1', 'index: -1'],
      ['SCMP_ARCH_X86_64', 'SCMP_ARCH_Z80'],
      ['names:', 'nammes:'],
      ['name: my-app', 'name: my_app'],
    ] as const) {
      expect(String(text)).toContain(right);
      expect(faults(version, String(text).replace(right, wrong))).not.toEqual([]);
    }
  });
});

test('errno 0 cannot be said, and is told', () => {
  const { lost } = kubernetes.write!(parsePolicy(samples['success without work'], { file: 'x' }), write);
  expect(lost.map((one) => one.what).join('\n')).toMatch(/errno 0, .*: fchown, open/);
});

test('notify is no default', () => {
  const { text, lost } = kubernetes.write!(parsePolicy('default notify\nallow read', { file: 'x' }), write);
  expect(String(text)).toContain('defaultAction: SCMP_ACT_ERRNO');
  expect(lost.map((one) => one.what).join()).toContain('default notify');
});

describe('Pod', () => {
  const pod = (text: string) => {
    const { spec } = parseYaml(text) as { spec: object };
    const containers = [{ name: 'app', image: 'app' }];
    new Pod({ metadata: { name: 'app' }, spec: { ...spec, containers } }).validate();
  };
  const { text } = kubernetesPod.write!(parsePolicy('allow read', { file: 'x' }), write);

  test('the lines that name the profile', () => {
    pod(String(text));
    expect(() => pod(String(text).replace('Localhost', 'LocalHost'))).toThrow('seccompProfile');
    expect(() => pod(String(text).replace('localhostProfile: profiles', 'localhostProfile: [] #'))).toThrow(
      'localhostProfile',
    );
  });

  test('the file that they name is what an OCI runtime reads', () => {
    const file = kubernetesLocalhost.write!(parsePolicy(samples['an allow list'], { file: 'x' }), write);
    expect(parseJson(String(file.text))).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO' });
  });
});
