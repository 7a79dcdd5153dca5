// The shells' halves of the completion: they hand the line to `sandbox-run completion answer -- WORD…` and show what comes back.
// Its first line is a list of flags (answerText); each further one is a word, a tab and what the word means.

import type { Completion } from './line.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Flags: `nospace` (more can follow in the word), `files`, `programs`, or `program N`: from the Nth word on, counted from 0, the
 * line is another program's. */
export function answerText({ candidates, files, programs, open, program }: Completion): string {
  const flags = [
    ...(program === undefined ? [] : ['program', String(program)]),
    ...(open === true ? ['nospace'] : []),
    ...(files === true ? ['files'] : []),
    ...(programs === true ? ['programs'] : []),
  ];
  const lines = candidates.map(({ word, help }) => `${word}\t${help.replace(/[\t\n]/g, ' ')}`);
  return `${[flags.join(' '), ...lines].join('\n')}\n`;
}

export const scripts: Readonly<Record<Shell, string>> = {
  bash: String.raw`# bash completion for sandbox-run: source <(sandbox-run completion bash)
_sandbox_run() {
  # bash cuts words at : and =, too; here they are put together again. $2 is what will be replaced.
  local -a words=() starts=() answer=()
  local i one joined='' word lead flags quotes=$'[\'"\\\\]'
  for ((i = 0; i <= COMP_CWORD; i++)); do
    one="${'$'}{COMP_WORDS[i]}"
    if ((i > 1)) && [[ -n $joined || $one == [:=]* ]]; then words[-1]+="$one"; else words+=("$one") starts+=("$i"); fi
    [[ $one == *[:=] ]] && joined=1 || joined=''
  done
  words=("${'$'}{words[@]//$quotes/}")
  word="${'$'}{words[-1]}"
  lead="${'$'}{word%"${'$'}{2//$quotes/}"}"
  mapfile -t answer < <("${'$'}{words[0]/#\~/$HOME}" completion answer -- "${'$'}{words[@]:1}" 2>/dev/null)
  flags=" ${'$'}{answer[0]} "
  if [[ $flags == *' program '* ]]; then
    one="${'$'}{flags##* program }"
    if declare -F _comp_command_offset >/dev/null; then _comp_command_offset "${'$'}{starts[one + 1]}"
    elif declare -F _command_offset >/dev/null; then _command_offset "${'$'}{starts[one + 1]}"
    else flags=' files '; fi
  fi
  for one in "${'$'}{answer[@]:1}"; do
    one="${'$'}{one%%$'\t'*}"
    COMPREPLY+=("${'$'}{one#"$lead"}")
  done
  [[ $flags == *' nospace '* ]] && compopt -o nospace
  if [[ $flags == *' programs '* ]]; then mapfile -t -O "${'$'}{#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$2"); fi
  if [[ $flags == *' files '* ]]; then
    compopt -o filenames
    mapfile -t -O "${'$'}{#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$2")
  fi
}
complete -F _sandbox_run sandbox-run
`,
  zsh: String.raw`#compdef sandbox-run
# zsh completion for sandbox-run: sandbox-run completion zsh > ~/.zfunc/_sandbox-run, a folder of your $fpath
_sandbox_run() {
  local -a answer flags candidates shown space
  local line
  answer=("${'$'}{(@f)$("${'$'}{(Q)words[1]}" completion answer -- "${'$'}{(@Q)words[2,CURRENT-1]}" "${'$'}{(Q)PREFIX}" 2>/dev/null)}")
  flags=(${'$'}{=answer[1]})
  if [[ $flags[1] == program ]]; then
    shift $(( flags[2] + 1 )) words
    (( CURRENT -= flags[2] + 1 ))
    _normal
    return
  fi
  for line in "${'$'}{(@)answer[2,-1]}"; do
    candidates+=("${'$'}{line%%$'\t'*}")
    shown+=("${'$'}{line/$'\t'/  -- }")
  done
  (( $flags[(Ie)nospace] )) && space=(-S '')
  (( $#candidates )) && compadd -d shown "${'$'}{space[@]}" -a candidates
  (( $flags[(Ie)programs] )) && _command_names -e
  if (( $flags[(Ie)files] )); then
    compset -P '--*='
    _files
  fi
}
if [[ $funcstack[1] == _sandbox-run ]]; then _sandbox_run "$@"; else compdef _sandbox_run sandbox-run; fi
`,
  fish: String.raw`# fish completion for sandbox-run: sandbox-run completion fish > ~/.config/fish/completions/sandbox-run.fish
function __sandbox_run_complete
    set -l words (commandline -opc)
    set -l last (string replace -ra '[\'"\\\\]' '' -- (commandline -ct))
    set -l answer (command $words[1] completion answer -- $words[2..-1] "$last" 2>/dev/null)
    set -l flags (string split ' ' -- $answer[1])
    if test "$flags[1]" = program
        set -l from (math $flags[2] + 2)
        complete -C (string join ' ' -- (string escape -- $words[$from..-1]) "$last")
        return
    end
    string join \n -- $answer[2..-1]
    contains programs $flags; and __fish_complete_command
    if contains files $flags
        set -l lead (string match -r -- '^--[^=]*=' "$last")
        for file in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$last"))
            echo "$lead$file"
        end
    end
end
complete -c sandbox-run -f -a '(__sandbox_run_complete)'
`,
};
