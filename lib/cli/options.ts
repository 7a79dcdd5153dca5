// The one table of options. The run path reads it with words.ts, yargs gets it for commands and help, and the shells'
// completions are made from it, so that an option exists everywhere or nowhere.

import { presetNames } from '../presets.ts';

export interface Option {
  readonly name: string;
  readonly alias?: string;
  /** What follows it, as the help shows it; absent: a flag. */
  readonly value?: string;
  /** May be given more than once. */
  readonly many?: boolean;
  readonly help: string;
  /** Names that a value must be one of. */
  readonly choices?: readonly string[];
  /** How a shell completes the value. */
  readonly completes?: 'calls' | 'statement' | 'file' | 'abis' | 'actions' | 'formats';
}

/** Which policy: for running and for every command that takes one. */
export const policyOptions = [
  {
    name: 'allow',
    value: 'CALLS',
    many: true,
    completes: 'calls',
    help: "Permit these calls: read,write,'ioctl(cmd == TCGETS)',@basic-io",
  },
  {
    name: 'deny',
    value: 'CALLS',
    many: true,
    completes: 'calls',
    help: 'Refuse these calls, whatever else permits them',
  },
  {
    name: 'rule',
    value: 'STATEMENT',
    many: true,
    completes: 'statement',
    help: "One statement of the policy language: 'errno EPERM ptrace'",
  },
  {
    name: 'policy',
    alias: 'p',
    value: 'FILE',
    many: true,
    completes: 'file',
    help: 'Read a policy file; several are merged',
  },
  {
    name: 'preset',
    value: 'NAME',
    many: true,
    choices: presetNames,
    help: 'A policy that is there for a well-known program; more may be merged with it',
  },
  {
    name: 'from',
    value: 'FORMAT',
    completes: 'formats',
    help: 'The format of the policy files, where it is not recognised: docker, oci, systemd, minijail …',
  },
  {
    name: 'part',
    value: 'NAME',
    help: 'Which policy of a file that has several: a thread (seccompiler), a resource (Kubernetes)',
  },
  {
    name: 'as',
    value: 'TOOL',
    choices: ['runc'],
    help: 'Read OCI as this tool does, where that is not what the specification says',
  },
  {
    name: 'exact',
    help: 'Compare arguments of other formats as wide as the other tool would, not as the kernel',
  },
  {
    name: 'cap',
    value: 'LIST',
    many: true,
    help: "Capabilities that a profile's conditions are judged by: names, ALL, none; Docker's by default",
  },
  {
    name: 'kernel',
    value: 'VERSION',
    help: "Kernel that a profile's conditions are judged by; this machine's by default",
  },
  {
    name: 'default-action',
    value: 'ACTION',
    completes: 'actions',
    help: 'What happens to what is not permitted: kill (the default), kill-thread, trap, errno:NAME, log',
  },
  {
    name: 'abi',
    value: 'LIST',
    many: true,
    completes: 'abis',
    help: "ABIs that the filter serves; this machine's own by default",
  },
  {
    name: 'phase',
    value: 'PHASE',
    choices: ['exec', 'main'],
    help: 'Of a policy with a phase of main: what holds from exec on, or what holds from main on',
  },
  { name: 'permissive', help: 'Log what would be refused, and let it go on' },
] as const satisfies readonly Option[];

/** How to talk: for running and for every command. */
export const outputOptions = [
  { name: 'json', help: 'Print JSON, for machines' },
  {
    name: 'log-level',
    value: 'LEVEL',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    help: 'How much to tell on standard error (warn)',
  },
] as const satisfies readonly Option[];

/** What an analysis of the program cannot find out by itself: for --auto and `analyze`. */
export const analysisOptions = [
  {
    name: 'also',
    value: 'PROGRAM',
    many: true,
    completes: 'file',
    help: 'With --auto: a program that it may execute; @shell-utils for the usual ones of scripts, @none for none',
  },
  {
    name: 'plugin',
    value: 'FILE',
    many: true,
    completes: 'file',
    help: 'With --auto: a library that it may load while it runs',
  },
  { name: 'names-only', help: 'With --auto: permit calls whatever their arguments are' },
  { name: 'strict', help: 'With --auto: it is an error if the number of a call cannot be known' },
] as const satisfies readonly Option[];

/** For running alone. */
export const runOptions = [
  { name: 'auto', help: 'Analyse the program and its libraries, and permit only what they can use' },
  ...analysisOptions,
  { name: 'explain', help: 'Say of each refused call which it was, why, and what would permit it' },
  {
    name: 'suggest',
    value: 'FILE',
    completes: 'file',
    help: 'With --explain: write the policy that would have sufficed',
  },
  {
    name: 'at',
    value: 'PLACE',
    choices: ['exec', 'entry', 'main'],
    help: 'Where the filter begins: exec (the default), entry (after the dynamic loader), main',
  },
  {
    name: 'main-policy',
    value: 'FILE',
    completes: 'file',
    help: 'A narrower policy from main on (or from --at entry), beside the one from exec on',
  },
  { name: 'dry-run', help: 'Compile, prove and look for the program, but do not start it' },
] as const satisfies readonly Option[];

export const helpOptions = [
  { name: 'help', alias: 'h', help: 'Show help' },
  { name: 'version', alias: 'V', help: 'Show the version' },
] as const satisfies readonly Option[];

/** What `sandbox-run [options] PROGRAM` understands. */
export const runTable: readonly Option[] = [
  ...policyOptions,
  ...runOptions,
  ...outputOptions,
  ...helpOptions,
];

/** The first word after `sandbox-run` that is not a program to run. */
export const commandNames = [
  'compile',
  'convert',
  'check',
  'explain',
  'syscalls',
  'completion',
  'pack',
  'doctor',
  'learn',
  'diff',
  'subset',
  'merge',
  'intersect',
  'subtract',
  'inspect',
  'lint',
  'preload',
  'analyze',
] as const;

/** Values as words.ts and the commands hand them on. */
export interface PolicyWords {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
  readonly rule?: readonly string[] | undefined;
  readonly policy?: readonly string[] | undefined;
  readonly preset?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly part?: string | undefined;
  readonly as?: string | undefined;
  readonly exact?: boolean | undefined;
  readonly cap?: readonly string[] | undefined;
  readonly kernel?: string | undefined;
  readonly 'default-action'?: string | undefined;
  readonly abi?: readonly string[] | undefined;
  readonly phase?: string | undefined;
  readonly permissive?: boolean | undefined;
}

export interface OutputWords {
  readonly json?: boolean | undefined;
  readonly 'log-level'?: string | undefined;
}

export interface RunWords extends PolicyWords, OutputWords {
  readonly at?: string | undefined;
  readonly 'main-policy'?: string | undefined;
  /** The command `preload`. */
  readonly preload?: boolean | undefined;
  readonly 'dry-run'?: boolean | undefined;
  readonly auto?: boolean | undefined;
  readonly also?: readonly string[] | undefined;
  readonly plugin?: readonly string[] | undefined;
  readonly 'names-only'?: boolean | undefined;
  readonly strict?: boolean | undefined;
  readonly explain?: boolean | undefined;
  readonly suggest?: string | undefined;
  readonly help?: boolean | undefined;
  readonly version?: boolean | undefined;
}
