// An AArch64 machine to run cases on: Debian's arm64 kernel in qemu-system-aarch64, with an initramfs of the files that the cases
// need. Real calls in a real kernel; only the processor is emulated. (qemu-user has no seccomp.)

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COMPILER = 'aarch64-linux-gnu-gcc';

export interface Case {
  readonly name: string;
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number;
}

export interface Ending {
  readonly status: number | null;
  readonly signal: number | null;
  /** Both streams. */
  readonly output: string;
}

/** Cross-compiles; throws with the compiler's words. `output` is a path. */
export function crossCompile(
  output: string,
  sources: readonly string[],
  options: readonly string[] = [],
): Buffer {
  const result = spawnSync(COMPILER, [...options, ...sources.map((one) => join(root, one)), '-o', output], {
    encoding: 'utf8',
  });
  if (result.error !== undefined) {
    throw new Error(
      `cross-building needs Debian packages gcc-aarch64-linux-gnu and libc6-dev-arm64-cross: ${result.error}`,
    );
  }
  if (result.status !== 0) throw new Error(result.stderr);
  return readFileSync(output);
}

/** The launcher for AArch64, with the options that binding.gyp has for this machine. */
export function crossLauncher(folder: string): Buffer {
  const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8');
  const target = gyp.slice(gyp.indexOf('"sandbox-launch"'), gyp.indexOf('"libsandbox"'));
  const list = (name: string, text = target) =>
    [...new RegExp(`"${name}": \\[([^\\]]*)\\]`).exec(text)![1]!.matchAll(/"([^"]+)"/g)].map(
      (one) => one[1]!,
    );
  const forAll = list('ldflags', gyp).filter((one) => !list('ldflags!').includes(one));
  const options = [
    '-Wall',
    '-Wextra',
    '-Werror',
    ...list('cflags'),
    `-I${join(root, 'native')}`,
    ...forAll,
    ...list('ldflags'),
  ];
  return crossCompile(join(folder, 'sandbox-launch'), list('sources'), options);
}

/** Debian's arm64 kernel, fetched once into a folder that may be kept: SANDBOX_RUN_ARM64, or one in the temporary folder. */
function kernel(): string {
  const folder = process.env.SANDBOX_RUN_ARM64 ?? join(tmpdir(), 'sandbox-run-arm64');
  const boot = join(folder, 'root', 'boot');
  const found = () =>
    existsSync(boot) ? readdirSync(boot).find((name) => name.startsWith('vmlinuz')) : undefined;
  if (found() === undefined) {
    // The system's own sources, with lists of their own for the other architecture.
    mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
    mkdirSync(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
    const settings = {
      'Dir::State::Lists': join(folder, 'lists'),
      'Dir::State::status': '/dev/null',
      'Dir::Cache': join(folder, 'cache'),
      'APT::Architecture': 'arm64',
      'APT::Architectures': 'arm64',
      'APT::Sandbox::User': 'root',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const apt = (command: string, ...words: string[]) => {
      const result = spawnSync(command, [...options, ...words], { cwd: folder, encoding: 'utf8' });
      if (result.status !== 0)
        throw new Error(`${command} ${words.join(' ')}: ${result.error ?? result.stderr}`);
      return result.stdout;
    };
    apt('apt-get', 'update');
    const image = /Depends: (linux-image-\S+)/.exec(
      apt('apt-cache', 'depends', 'linux-image-cloud-arm64'),
    )?.[1];
    if (image === undefined) throw new Error('linux-image-cloud-arm64 depends on no image');
    apt('apt-get', 'download', image);
    const file = readdirSync(folder).find((name) => name.startsWith('linux-image') && name.endsWith('.deb'))!;
    spawnSync('dpkg', ['-x', join(folder, file), join(folder, 'root')]);
  }
  return join(boot, found()!);
}

/** An archive in the new ASCII format of cpio(5), which the kernel unpacks as its first root. */
function archive(files: Readonly<Record<string, Uint8Array | string>>): Buffer {
  const parts: Buffer[] = [];
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  let inode = 1;
  const add = (name: string, mode: number, content: Uint8Array | string) => {
    const bytes = Buffer.from(content);
    const fields = [inode++, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    parts.push(padded(Buffer.from(head)), padded(bytes));
  };
  for (const folder of ['proc', 'dev', 'tmp', 'bin']) add(folder, 0o40755, '');
  for (const [name, content] of Object.entries(files))
    add(name, name === 'cases' ? 0o100644 : 0o100755, content);
  add('TRAILER!!!', 0, '');
  return Buffer.concat(parts);
}

/** Boots, runs all cases in one go, and gives how each ended. Throws where the machine did not come to its end. */
export function runCases(
  cases: readonly Case[],
  files: Readonly<Record<string, Uint8Array | string>>,
): readonly Ending[] {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-aarch64-'));
  try {
    const init = crossCompile(join(folder, 'init'), ['test/aarch64/programs/init.c'], ['-O1', '-static']);
    const lines = cases.map(({ user = 0, env = {}, words }) =>
      [
        String(user),
        ...Object.entries({ PATH: '/bin', ...env }).map(([name, value]) => `${name}=${value}`),
        '--',
        ...words,
      ].join('\x1f'),
    );
    writeFileSync(join(folder, 'initrd'), archive({ init, cases: `${lines.join('\n')}\n`, ...files }));
    const words =
      '-M virt -accel tcg -cpu cortex-a57 -m 512 -smp 1 -nographic -nodefaults -serial stdio -no-reboot -net none';
    const options = [
      ...words.split(' '),
      '-kernel',
      kernel(),
      '-initrd',
      join(folder, 'initrd'),
      '-append',
      'console=ttyAMA0 panic=-1 quiet',
    ];
    const result = spawnSync('qemu-system-aarch64', options, {
      encoding: 'utf8',
      timeout: 110_000,
      input: '',
    });
    if (result.error !== undefined && 'code' in result.error && result.error.code === 'ENOENT')
      throw new Error(`this needs Debian package qemu-system-arm: ${result.error}`);
    if (!result.stdout.includes('ALL DONE'))
      throw new Error(`the machine did not come to its end:\n${result.stdout}${result.stderr}`);
    const endings = [...result.stdout.matchAll(/^CASE (\d+) (\d+) ([0-9a-f]*)\r?$/gm)];
    return cases.map((_, index) => {
      const found = endings.find((one) => Number(one[1]) === index);
      if (found === undefined) throw new Error(`no ending of case ${index}:\n${result.stdout}`);
      const raw = Number(found[2]);
      const signal = raw & 0x7f;
      const output = Buffer.from(found[3]!, 'hex').toString('latin1');
      return signal === 0 ? { status: raw >> 8, signal: null, output } : { status: null, signal, output };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
