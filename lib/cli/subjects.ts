// What the commands that ask questions take: a policy file of any format, a raw filter, or a running process (`pid:1234`).

import type { Subject } from '../asking/decisions.ts';
import { filtersOfProcess } from '../asking/process.ts';
import { recover } from '../asking/recover.ts';
import { PolicyError, UsageError } from '../errors.ts';
import { isRaw, readProgram } from '../formats/raw.ts';
import { type AbiName, abis } from '../linux/abi.ts';
import { intersect } from '../policy/algebra/intersect.ts';
import { readPolicyBytes } from '../policy/language/load.ts';
import { emptyPolicy, type Policy } from '../policy/model.ts';
import type { CommandWords } from './command.ts';
import { loadFormats, readPolicyFile } from './files.ts';
import { nativeAbi, wantedAbis } from './machine.ts';
import type { Option } from './options.ts';

/** How files are read: for commands that take them as words. */
export function readingOptions(all: readonly Option[]): readonly Option[] {
  return all.filter(({ name }) => ['from', 'part', 'as', 'exact', 'cap', 'kernel', 'abi'].includes(name));
}

/** Reads one. Throws SandboxError. */
export async function readSubject(
  word: string,
  words: CommandWords,
  onWarning?: (warning: string) => void,
): Promise<Subject> {
  const pid = pidIn(word);
  if (pid !== undefined)
    return { kind: 'programs', name: word, programs: filtersOfProcess(pid, nativeAbi()) };
  const bytes = readPolicyBytes(word);
  const { bigEndian } = abis[abiOf(words)];
  // Told by its content whatever --from says of the other one: no text is a filter.
  if (words.from === 'bpf' || isRaw(bytes, bigEndian)) {
    return { kind: 'programs', name: word, programs: [readProgram(bytes, word, bigEndian)] };
  }
  await loadFormats();
  return { kind: 'policy', name: word, policy: readPolicyFile(word, words, onWarning) };
}

/** Two and no more. */
export async function readTwo(words: CommandWords, command: string): Promise<readonly [Subject, Subject]> {
  const [a, b, more] = words.words;
  if (a === undefined || b === undefined || more !== undefined) {
    throw new UsageError(`${command} takes two policies, found ${words.words.length}`, {
      advice: `sandbox-run ${command} A B: files of any format, raw filters, or pid:1234`,
    });
  }
  return [await readSubject(a, words), await readSubject(b, words)];
}

/** A subject as one policy. Programs are lifted; of several the strictest answer counts. */
export function policyOf(subject: Subject, words: CommandWords): Policy {
  if (subject.kind === 'policy') return subject.policy;
  const native = abiOf(words);
  const policies = subject.programs.map((program) => {
    const found = recover(program, subject.name, native).policies;
    const [own] = found;
    if (found.length === 1 && own !== undefined) return own;
    const served = found.find((policy) => policy.abis?.includes(native)) ?? own!;
    if (wantedAbis(words) !== undefined) return { ...served, foreign: { kind: 'kill' as const } };
    const others = found.filter((one) => one !== served).flatMap((one) => one.abis ?? []);
    throw new PolicyError(
      `${subject.name} says other things to ${others.join(' and ')} than to ${served.abis?.join(' and ')}, which one policy cannot`,
      { advice: `say which is meant, with --abi ${native}; the rest is killed then` },
    );
  });
  const everything: Policy = { ...emptyPolicy, default: { kind: 'allow' }, foreign: { kind: 'allow' } };
  return policies.length === 0 ? everything : policies.reduce((a, b) => intersect(a, b));
}

/** The ABI that is meant where nothing says one. */
export function abiOf(words: CommandWords): AbiName {
  return wantedAbis(words)?.[0] ?? nativeAbi().name;
}

function pidIn(word: string): number | undefined {
  if (!word.startsWith('pid:')) return undefined;
  return readPid(word.slice(4), word);
}

/** A process number. Throws UsageError. */
export function readPid(text: string, word = text): number {
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (pid > 0 && pid < 2 ** 31) return pid;
  throw new UsageError(`${word}: this is not the number of a process`, { advice: 'for example pid:1234' });
}
