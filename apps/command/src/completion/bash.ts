import type { Among, Following, Word } from './command-tree.ts'
import { argumentCases, commandSteps, quoted, valueCases, valueFlags } from './shell-cases.ts'

/** The script that bash reads to complete `sluice`. It asks no program, so that it costs nothing. */
export function bashCompletion(followings: readonly Following[]): string {
  return `# Completion of sluice for bash. Try it: source <(sluice completion bash)
_sluice() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} path='' skip='' args=0 i word
  # What stands before and after a "=" are words of their own.
  [[ $cur = '=' ]] && cur=''
  [[ $prev = '=' ]] && prev=\${COMP_WORDS[COMP_CWORD - 2]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $skip ]]; then [[ $word = '=' ]] || skip=''; continue; fi
    case "$path:$word" in
${followings
  .flatMap(valueFlags)
  .map((one) => `      ${one}) skip=1 ;;`)
  .join('\n')}
      *:-*) ;;
${commandSteps(followings, 'path').join('\n')}
      *) args=$((args + 1)) ;;
    esac
  done
  case "$path:$prev" in
${followings.flatMap((following) => valueCases(following, completing)).join('\n')}
  esac
  if [[ $cur = -* ]]; then
    case $path in
${followings.map(({ path, flags }) => `      ${quoted(path)}) _sluice_words ${flags.map(({ word }) => word).join(' ')} ;;`).join('\n')}
    esac
    return
  fi
  case "$path:$args" in
${followings.flatMap((following) => argumentCases(following, completing, completingCommands)).join('\n')}
  esac
}
_sluice_words() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur"); }
_sluice_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); }
complete -F _sluice sluice
`
}

function completing(among: Among): string {
  if (among === 'files') return '_sluice_files'
  return among === 'anything' ? ':' : `_sluice_words ${among.map(quoted).join(' ')}`
}

function completingCommands(commands: readonly Word[]): string {
  return `_sluice_words ${commands.map(({ word }) => word).join(' ')}`
}
