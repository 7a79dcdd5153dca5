// From words to a policy: options and files say one policy, the environment another, and where both speak, both must
// permit a call.

import { UsageError } from '../errors.ts';
import { servedBy } from '../launch/machine.ts';
import { type Abi, type AbiName, abis } from '../linux/abi.ts';
import { intersect } from '../policy/algebra/intersect.ts';
import { merge } from '../policy/algebra/merge.ts';
import { permissive } from '../policy/algebra/permissive.ts';
import { parseAction, parseCalls, parseStatement } from '../policy/language/parse.ts';
import { type Action, emptyPolicy, type Policy, type Statement } from '../policy/model.ts';
import { preset } from '../presets.ts';
import { readPolicyFile } from './files.ts';
import { nativeAbi, wantedAbis } from './machine.ts';
import type { PolicyWords } from './options.ts';

export { nativeAbi, wantedAbis } from './machine.ts';

export const ALLOW_VARIABLE = 'SECCOMP_SYSCALL_ALLOW';
export const DENY_VARIABLE = 'SECCOMP_SYSCALL_DENY';
export const DEFAULT_VARIABLE = 'SECCOMP_DEFAULT_ACTION';

type Environment = Readonly<Record<string, string | undefined>>;

/** The policy of options and environment together, and of the program's analysis (--auto): all must permit a call. Throws UsageError if neither says one, PolicyError for a bad one. */
export function policyFrom(words: PolicyWords, environment: Environment, analysed?: Policy): Policy {
  const parts = [policyOfOptions(words), policyOfEnvironment(environment), analysed].filter(
    (part) => part !== undefined,
  );
  const [first, ...others] = parts;
  if (first === undefined) {
    throw new UsageError('no policy: nothing says what the program may do', {
      advice: `give --allow, --deny, --rule, --policy or --preset, or set ${ALLOW_VARIABLE} or ${DENY_VARIABLE}`,
    });
  }
  const abis = abisInQuestion(words, parts);
  const all = others.reduce((sum, part) => intersect(sum, part, { abis }), first);
  const chosen = inPhase(all, words, parts);
  return words.permissive === true ? permissive(chosen) : chosen;
}

/** What --phase asks for: from main on both parts of the policy must permit a call. */
function inPhase(policy: Policy, words: PolicyWords, parts: readonly Policy[]): Policy {
  if (words.phase === undefined) return policy;
  const { main, ...whole } = policy;
  if (words.phase === 'exec') return whole;
  if (main === undefined) {
    throw new UsageError('--phase main: the policy has no phase of main', { advice: 'leave --phase out' });
  }
  return intersect(whole, main, { abis: abisInQuestion(words, parts) });
}

/** What an intersection must be exact for: calls given by number are other calls on other ABIs. */
function abisInQuestion(words: PolicyWords, parts: readonly Policy[]): readonly AbiName[] {
  const named = wantedAbis(words) ?? parts.flatMap((part) => part.abis ?? []);
  return named.length > 0 ? [...new Set(named)] : [nativeAbi().name];
}

/** undefined: the options say nothing. */
export function policyOfOptions(words: PolicyWords): Policy | undefined {
  const { allow = [], deny = [], rule = [], policy = [], preset: presets = [] } = words;
  if (allow.length + deny.length + rule.length + policy.length + presets.length === 0) return undefined;
  const action = words['default-action'];
  const refusal = action === undefined ? undefined : readAction(action, '--default-action');
  const lists = policyOfLists(
    allow.map((text) => ({ text, source: '--allow' })),
    deny.map((text) => ({ text, source: '--deny' })),
    refusal,
    rule.length + policy.length + presets.length > 0,
  );
  return merge([
    ...presets.map(preset),
    ...policy.map((file) => readPolicyFile(file, words)),
    ...rule.map((text) => parseStatement(text, '--rule')),
    lists,
  ]);
}

/** undefined: the environment says nothing. */
export function policyOfEnvironment(environment: Environment): Policy | undefined {
  const { [ALLOW_VARIABLE]: allow, [DENY_VARIABLE]: deny, [DEFAULT_VARIABLE]: action } = environment;
  const refusal = action === undefined ? undefined : environmentAction(action);
  if (allow === undefined && deny === undefined) {
    if (action === undefined) return undefined;
    throw new UsageError(`${DEFAULT_VARIABLE} is set, but there is no list that it could be about`, {
      advice: `set ${ALLOW_VARIABLE} or ${DENY_VARIABLE} too, or unset it`,
    });
  }
  return policyOfLists(
    allow === undefined ? [] : [{ text: allow, source: ALLOW_VARIABLE }],
    deny === undefined ? [] : [{ text: deny, source: DENY_VARIABLE }],
    refusal,
    false,
  );
}

interface List {
  readonly text: string;
  readonly source: string;
}

/** An allow list refuses the rest; a deny list alone permits the rest; both together refuse what is denied and what is not
 * allowed. Beside statements or files (`hasMore`) the lists leave the default to those, unless `refusal` says it. */
function policyOfLists(
  allow: readonly List[],
  deny: readonly List[],
  refusal: Action | undefined,
  hasMore: boolean,
): Policy {
  const statement = (list: List, action: Action): Statement => ({
    action,
    calls: parseCalls(list.text, list.source),
    origin: { source: list.source },
  });
  const statements = [
    ...deny.map((list) => statement(list, refusal ?? { kind: 'kill' })),
    ...allow.map((list) => statement(list, { kind: 'allow' })),
  ];
  const isDenyList = allow.length === 0 && deny.length > 0 && !hasMore;
  const rest: Action | undefined = isDenyList ? { kind: 'allow' } : refusal;
  return { ...emptyPolicy, statements, ...(rest === undefined ? {} : { default: rest }) };
}

/** As the language has it, with `errno:NAME` for `errno NAME`, and EPERM if no name is given. */
export function readAction(text: string, source: string): Action {
  const words = text.trim().replace(/^(errno|trace)\s*:\s*/i, (_, kind: string) => `${kind} `);
  if (words === 'errno') return { kind: 'errno', errno: 'EPERM' };
  return parseAction(words, source);
}

function environmentAction(text: string): Action {
  const known = ['log', 'kill', 'kill-thread', 'trap'];
  if (known.includes(text) || /^errno(:.*)?$/.test(text)) return readAction(text, DEFAULT_VARIABLE);
  throw new UsageError(
    `${DEFAULT_VARIABLE}=${text}: expected one of ${known.join(', ')}, errno, errno:NAME`,
    {
      advice: 'set it to one of these, or unset it for kill',
    },
  );
}

/** The ABIs that a filter on this machine serves: those of --abi or of the policy that this kernel has, the native one
 * first; without a list the native one alone. */
export function servedHere(words: PolicyWords, policy: Policy): readonly Abi[] {
  return servedBy(wantedAbis(words) ?? policy.abis);
}

/** The ABIs to look at when nothing is run: any of the tables. */
export function servedAnywhere(words: PolicyWords, policy: Policy): readonly Abi[] {
  const wanted = wantedAbis(words) ?? policy.abis;
  return wanted === undefined || wanted.length === 0 ? [nativeAbi()] : wanted.map((name) => abis[name]);
}
