import type { Among, Following, Word } from './command-tree.ts'
import { argumentCases, commandSteps, quoted, valueCases, valueFlags } from './shell-cases.ts'

/** The script that zsh reads to complete `sluice`: from a file `_sluice` in its fpath, or by `source`. */
export function zshCompletion(followings: readonly Following[]): string {
  return `#compdef sluice
# Completion of sluice for zsh. Try it: source <(sluice completion zsh)
_sluice() {
  local cmd='' word skip='' prev=\${words[CURRENT-1]} cur=\${words[CURRENT]}
  local -i args=0 i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$cmd:$word" in
${followings
  .flatMap(valueFlags)
  .map((one) => `      ${one}) skip=1 ;;`)
  .join('\n')}
      *:-*) ;;
${commandSteps(followings, 'cmd').join('\n')}
      *) args=$((args + 1)) ;;
    esac
  done
  case "$cmd:$prev" in
${followings.flatMap((following) => valueCases(following, completing)).join('\n')}
  esac
  if [[ $cur = -* ]]; then
    case $cmd in
${followings.map(({ path, flags }) => `      ${quoted(path)}) found=(${flags.map(described).join(' ')}) ;;`).join('\n')}
    esac
    _describe 'option' found
    return
  fi
  case "$cmd:$args" in
${followings.flatMap((following) => argumentCases(following, completing, completingCommands)).join('\n')}
  esac
}
if [[ $funcstack[1] = _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi
`
}

function completing(among: Among): string {
  if (among === 'files') return '_files'
  return among === 'anything' ? ':' : `found=(${among.map(quoted).join(' ')}); _describe 'value' found`
}

function completingCommands(commands: readonly Word[]): string {
  return `found=(${commands.map(described).join(' ')}); _describe 'command' found`
}

/** A colon in a word would begin its description. */
function described({ word, about }: Word): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${about}`)
}
