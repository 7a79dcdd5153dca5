// However long the text, each reader ends soon: a megabyte of garbage, a hundred thousand rules, rules on one call only.

import { expect, test } from 'vitest';
import { SandboxError } from '../../lib/errors.ts';
import { detectFormat, formats } from '../../lib/formats/index.ts';
import { abis } from '../../lib/linux/abi.ts';

/** Processor time for one text, in milliseconds. It is some hundreds; slow machines that do other things as well need more. */
const LIMIT = 4000;
const MEGABYTE = 1024 * 1024;
const many = (count: number, text: (index: number) => string, between = '') =>
  Array.from({ length: count }, (_, index) => text(index)).join(between);
const ociRules = (count: number, rule: (index: number) => string) =>
  `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [${many(count, rule, ',')}]}`;
const test64 = (index: number) => `{"index": 0, "op": "SCMP_CMP_EQ", "value": ${index}}`;

const texts: Readonly<Record<string, string>> = {
  'brackets oci': '['.repeat(MEGABYTE),
  'objects oci': '{"a":'.repeat(MEGABYTE / 5),
  'rules oci': ociRules(20_000, () => '{"names": ["read"], "action": "SCMP_ACT_ALLOW"}'),
  'calls oci': ociRules(
    20_000,
    (index) => `{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [${test64(index)}]}`,
  ),
  'answers oci': ociRules(
    5000,
    (index) =>
      `{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": ${1 + (index % 100)}, "args": [${test64(index)}]}`,
  ),
  'rules seccompiler': `{"a": {"mismatch_action": "trap", "match_action": "allow", "filter": [${many(20_000, () => '{"syscall": "read"}', ',')}]}}`,
  'yaml kubernetes': `kind: SeccompProfile\n${many(20_000, (index) => `a${index}: [1, 2]\n`)}`,
  'lines minijail': many(50_000, () => 'read: 1\n'),
  'alternatives minijail': `read: ${many(20_000, (index) => `arg0 == ${index}`, ' || ')}\n`,
  'brackets minijail': `read: arg0 == ${'('.repeat(MEGABYTE)}\n`,
  'continued minijail': `read: ${'\\\n'.repeat(100_000)} 1\n`,
  'lists minijail-compiler': `read: {${many(3000, (index) => `arg0 == ${index}; return ${index % 50}`, ', ')}, allow}\n`,
  'rules kafel': `ALLOW { ${many(50_000, (index) => `write { fd == ${index} }`, ', ')} }`,
  'alternating kafel': many(
    2000,
    (index) => `${index % 2 === 0 ? 'ALLOW' : 'KILL'} { write { fd == ${index} } }\n`,
  ),
  'uses kafel': `POLICY a0 { ALLOW { read } }\n${many(60, (index) => `POLICY a${index + 1} { USE a${index}, USE a${index} }\n`)}`,
  'brackets kafel': `ALLOW { write { ${'('.repeat(MEGABYTE)} } }`,
  'comments kafel': `${'/*'.repeat(MEGABYTE / 2)}`,
  'lines systemd': `[Service]\n${many(20_000, () => 'SystemCallFilter=~ptrace read\n')}`,
  'continued systemd': `[Service]\nSystemCallFilter=${'read \\\n'.repeat(100_000)}`,
  'lines firejail': many(300, () => 'seccomp.drop read,write\n'),
  'words pledge': 'stdio '.repeat(150_000),
};

test.each(Object.entries(texts))('%s', (name, text) => {
  const format = formats.find((one) => one.name === name.split(' ')[1])!;
  const start = process.cpuUsage();
  try {
    format.read!(text, { file: 'x', abi: abis.x86_64 });
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
  }
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(LIMIT);
});

test.each([
  ' ',
  '\n',
  '{',
  '[',
  '#',
  'a: ',
  'seccomp\n',
  'POLICY ',
  '\\\n',
  '[Service]\n',
  '"',
  'read: 1\n',
  'x\n',
  '{"a":',
  '- a\n',
])('a megabyte of %j is looked at soon', (piece) => {
  const text = piece.repeat(MEGABYTE / piece.length);
  const start = process.cpuUsage();
  detectFormat(Buffer.from(text), text, 'x');
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(LIMIT);
});
