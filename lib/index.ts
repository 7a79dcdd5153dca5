// The public API. Importing it does nothing: the native part is loaded when something first needs it (programs that are started, processes
// that are inspected), and says how to build it where it is not there. Everything that works on policies and filters alone needs no native
// part. Errors are of the one family in errors.ts.
//
//   node/      programs in a sandbox: node:child_process with one option more, and this process itself
//   api/       policies, filters, and policies from programs
//   the rest   the values that these work with, and what is known of Linux

export {
  compile,
  type Filter,
  type Inspected,
  inspect,
  prove,
} from './api/filters.ts';
export {
  type AbiOptions,
  type CallOf,
  type Checked,
  type Comparable,
  check,
  convert,
  diff,
  evaluate,
  explain,
  intersect,
  isSubset,
  lint,
  merge,
  type PolicyLike,
  parsePolicy,
  type ReadPolicy,
  type ReadPolicyOptions,
  readPolicy,
  subtract,
  type WritePolicyOptions,
} from './api/policies.ts';
export { type Analyzed, type AnalyzeOptions, analyze, doctor, learn, type Step } from './api/programs.ts';
export type { CallRange, Change, Difference } from './asking/difference.ts';
export { type Finding, type LintRule, lintRules } from './asking/lint/lint.ts';
export type { Recovered, Unsaid } from './asking/recover.ts';
export { disassemble } from './bpf/disassemble.ts';
export type { Instruction, Program } from './bpf/instruction.ts';
export {
  CompileError,
  type ErrorDetails,
  LaunchError,
  type Place,
  PolicyError,
  ProofError,
  SandboxError,
  UsageError,
} from './errors.ts';
export type { Loss, WriteResult } from './formats/format.ts';
export { formats } from './formats/index.ts';
export { type Abi, type AbiName, abiNames, abis } from './linux/abi.ts';
export { groupMembers, groups } from './linux/groups.ts';
export { syscallName, syscallNames, syscallNumber } from './linux/syscalls.ts';
export { become } from './node/become.ts';
export {
  type Exec,
  type ExecError,
  type ExecFile,
  type ExecFilePromise,
  type ExecPromise,
  exec,
  execFile,
} from './node/exec.ts';
export { neededByNode, type RestrictOptions, restrictSelf } from './node/restrict.ts';
export type { Sandbox, Sandboxed, SandboxOptions } from './node/sandbox.ts';
export { type Fork, fork, type Spawn, spawn } from './node/spawn.ts';
export {
  type ExecFileSync,
  type ExecSync,
  execFileSync,
  execSync,
  type SpawnSync,
  spawnSync,
} from './node/sync.ts';
export { type RefusedCall, ViolationError } from './node/violation.ts';
export { shim, type WrapOptions, type Wrapped, wrap } from './node/wrap.ts';
export { actionText } from './policy/action.ts';
export { permissive } from './policy/algebra/permissive.ts';
export { loadPolicy } from './policy/language/load.ts';
export { parseCalls, parseStatement } from './policy/language/parse.ts';
export { printPolicy } from './policy/language/print.ts';
export type { Action, Call, Condition, Operand, Origin, Policy, Statement, Value } from './policy/model.ts';
export type { Explanation } from './policy/words.ts';
export { preset, presetNames } from './presets.ts';
export type { ActionFact, Facts } from './supervise/facts.ts';
export type { Learnt } from './supervise/learn.ts';
