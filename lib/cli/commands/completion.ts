// `completion`: a script for bash or zsh, made from the option table, with call and group names for the lists of calls.

import { UsageError } from '../../errors.ts';
import { abiNames } from '../../linux/abi.ts';
import { groups } from '../../linux/groups.ts';
import { syscallNames } from '../../linux/syscalls.ts';
import { actionKinds } from '../../policy/action.ts';
import type { Command } from '../command.ts';
import { commandNames, type Option, outputOptions, runTable } from '../options.ts';
import { writeAll } from '../report.ts';
import { nativeAbi } from '../sources.ts';

/** `commands`: all of them, this one too. */
export const completion = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  usage: 'bash|zsh',
  help: 'Print a completion script for a shell',
  options: [],
  examples: [
    ['source <($0 completion bash)', 'in ~/.bashrc'],
    ['$0 completion zsh > ~/.zfunc/_sandbox-run', 'a folder of your $fpath'],
  ],
  run({ words }) {
    const [shell, more] = words;
    if (more !== undefined || (shell !== 'bash' && shell !== 'zsh')) {
      throw new UsageError(`completion: expected bash or zsh, found ${words.join(' ') || 'nothing'}`);
    }
    writeAll(1, shell === 'bash' ? bash(commands()) : zsh(commands()));
    return 0;
  },
});

/** The words that complete an option's value. */
function values(option: Option): readonly string[] | 'file' | undefined {
  if (option.choices !== undefined) return option.choices;
  switch (option.completes) {
    case 'calls':
      return [...groups().keys(), ...syscallNames(nativeAbi())];
    case 'abis':
      return abiNames;
    case 'actions':
      return [
        ...actionKinds.filter((kind) => kind !== 'errno'),
        'errno:EPERM',
        'errno:ENOSYS',
        'errno:EACCES',
      ];
    case 'file':
      return 'file';
    default:
      return undefined;
  }
}

const flags = (option: Option): readonly string[] =>
  option.alias === undefined ? [`--${option.name}`] : [`--${option.name}`, `-${option.alias}`];

/** Every option of every command, once. */
function allOptions(commands: readonly Command[]): readonly Option[] {
  const byName = new Map<string, Option>();
  for (const option of [...runTable, ...commands.flatMap((command) => command.options)])
    byName.set(option.name, option);
  return [...byName.values()];
}

function bash(commands: readonly Command[]): string {
  const cases = allOptions(commands)
    .filter((option) => option.value !== undefined)
    .map((option) => {
      const found = values(option);
      const pattern = flags(option).join('|');
      if (found === 'file')
        return `    ${pattern}) _sandbox_run_reply "" -f -- "$word"; compopt -o filenames; return ;;`;
      if (found === undefined) return `    ${pattern}) COMPREPLY=(); return ;;`;
      if (option.completes === 'calls' || option.completes === 'abis') {
        const list = option.completes === 'calls' ? '"$_sandbox_run_calls"' : `'${found.join(' ')}'`;
        return `    ${pattern}) _sandbox_run_list ${list} "$word"; return ;;`;
      }
      return `    ${pattern}) _sandbox_run_reply "$lead" -W '${found.join(' ')}' -- "$word"; return ;;`;
    });
  const perCommand = commands.map(
    (command) =>
      `    ${command.name}) options='${[...command.options, ...outputOptions].flatMap(flags).join(' ')}' ;;`,
  );
  return `# bash completion for sandbox-run
_sandbox_run_calls='${(values({ name: '', help: '', completes: 'calls' }) as readonly string[]).join(' ')}'
# Answers with what compgen finds, without what stands on the line already.
_sandbox_run_reply() {
  local lead="$1"
  shift
  mapfile -t COMPREPLY < <(compgen "$@")
  COMPREPLY=("\${COMPREPLY[@]#"$lead"}")
}
# A list: completes what stands behind the last separator.
_sandbox_run_list() {
  local last="\${2##*[,:]}"
  local before="\${2%"$last"}"
  _sandbox_run_reply "\${before%"\${before##*:}"}" -P "$before" -W "$1" -- "$last"
  compopt -o nospace
}
_sandbox_run() {
  # bash cuts words at : and =, too; here they are put together again.
  local words=() i one joined=''
  for ((i = 0; i <= COMP_CWORD; i++)); do
    one="\${COMP_WORDS[i]}"
    if ((i > 1)) && [[ -n $joined || $one == [:=]* ]]; then words[-1]+="$one"; else words+=("$one"); fi
    [[ $one == *[:=] ]] && joined=1 || joined=''
  done
  local word="\${words[-1]}" previous="\${words[-2]}" options
  if [[ $word == --*=* ]]; then previous="\${word%%=*}" word="\${word#*=}"; fi
  local lead="\${word%"\${word##*:}"}"
  # Behind -- stands the program with words of its own.
  for one in "\${words[@]:1:\${#words[@]}-2}"; do
    [[ $one == -- ]] && { _sandbox_run_reply "" -c -f -- "$word"; compopt -o filenames; return; }
  done
  case "$previous" in
${cases.join('\n')}
  esac
  options='${runTable.flatMap(flags).join(' ')}'
  case "\${words[1]}" in
${perCommand.join('\n')}
  esac
  if [[ $word == -* ]]; then _sandbox_run_reply "" -W "$options" -- "$word"
  elif [[ \${words[1]} == syscalls ]]; then _sandbox_run_reply "" -W "$_sandbox_run_calls" -- "$word"
  elif [[ \${words[1]} == completion ]]; then _sandbox_run_reply "" -W 'bash zsh' -- "$word"
  elif ((\${#words[@]} == 2)); then _sandbox_run_reply "" -c -W '${commandNames.join(' ')}' -- "$word"
  else
    _sandbox_run_reply "" -c -f -- "$word"
    compopt -o filenames
  fi
}
complete -F _sandbox_run sandbox-run
`;
}

function zsh(commands: readonly Command[]): string {
  const spec = (option: Option): string => {
    const help = option.help.replace(/[[\]:']/g, (found) => (found === "'" ? '' : `\\${found}`));
    const found = values(option);
    const action =
      found === 'file'
        ? ':file:_files'
        : found === undefined
          ? option.value === undefined
            ? ''
            : `:${option.value.toLowerCase()}:`
          : option.completes === 'calls'
            ? ':calls:_sandbox_run_calls'
            : `:${option.value!.toLowerCase()}:(${found.join(' ').replaceAll(':', '\\:')})`;
    const many = option.many === true ? '\\*' : '';
    return `    ${many}'--${option.name}[${help}]${action}'`;
  };
  return `#compdef sandbox-run
_sandbox_run_calls() {
  local -a calls
  calls=(${(values({ name: '', help: '', completes: 'calls' }) as readonly string[]).join(' ')})
  _values -s , call $calls
}
_sandbox_run() {
  local -a commands
  commands=(
${commands.map((command) => `    '${command.name}:${command.help.replaceAll("'", '')}'`).join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    _command_names
    return
  fi
  case $words[2] in
${commands.map((command) => `    ${command.name})\n      _arguments -s \\\n${[...command.options, ...outputOptions].map(spec).join(' \\\n')} \\\n        '*:word:_files'\n      return ;;`).join('\n')}
  esac
  _arguments -s \\
${runTable.map(spec).join(' \\\n')} \\
    '(-)1:program:_command_names -e' '*::word:_normal'
}
_sandbox_run "$@"
`;
}
