// The public API: policies as values, what they mean, the proved filters for them, and the launch. Everything here also
// stands behind the command line. Errors are of the one family in errors.ts.

export type { Subject } from './asking/decisions.ts';
export { type Change, type Difference, difference, lostFrom } from './asking/difference.ts';
export { type Finding, lint, lintRules } from './asking/lint/lint.ts';
export { filtersOfProcess } from './asking/process.ts';
export { type Recovered, recover } from './asking/recover.ts';
export { disassemble } from './bpf/disassemble.ts';
export { encode, type Instruction, type Program } from './bpf/instruction.ts';
export { interpret, interpretAll, isConstantAllow } from './bpf/interpret.ts';
export { type CompileOptions, compile } from './compiler/compile.ts';
export {
  CompileError,
  LaunchError,
  type Place,
  PolicyError,
  ProofError,
  SandboxError,
  UsageError,
} from './errors.ts';
export type { Format, Loss, ReadOptions, ReadResult, WriteOptions, WriteResult } from './formats/format.ts';
export { detectFormat, formatNamed, formats, readAs, writeAs } from './formats/index.ts';
export { filtersFor } from './launch/filters.ts';
export { type InPlaceLaunch, launchInPlace } from './launch/in-place.ts';
export { type Abi, type AbiName, abiNames, abis } from './linux/abi.ts';
export { groupMembers, groups } from './linux/groups.ts';
export { syscallName, syscallNames, syscallNumber } from './linux/syscalls.ts';
export { type Exec, type ExecError, type ExecFile, exec, execFile } from './node/exec.ts';
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
export { intersect } from './policy/algebra/intersect.ts';
export { merge } from './policy/algebra/merge.ts';
export { permissive } from './policy/algebra/permissive.ts';
export { subtract } from './policy/algebra/subtract.ts';
export { type Decision, decide, evaluate } from './policy/evaluate.ts';
export { loadPolicy } from './policy/language/load.ts';
export { parseCalls, parsePolicy, parseStatement } from './policy/language/parse.ts';
export { printPolicy } from './policy/language/print.ts';
export type { Action, Call, Condition, Policy, Statement, Value } from './policy/model.ts';
export { explainPolicy } from './policy/words.ts';
