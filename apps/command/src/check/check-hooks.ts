import { realpath } from 'node:fs/promises'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { repositoriesBelow } from '@sluice/gitworker/administration/look/walk-root'
import { foreignHooksOf } from '@sluice/gitworker/hooks/hook-plan'
import { ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'

/** How long repositories are looked at. Ten thousand take a second or two. */
const lookForMs = 10_000
const mostNames = 3

/** Hooks that another server has left in repositories. As a rule, they reject every push. */
export async function checkHooks({ root }: Pick<SupervisorConfig, 'root'>, withinMs = lookForMs): Promise<Finding[]> {
  const end = Date.now() + withinMs
  const found = new Map<string, string[]>()
  let count = 0
  let isWhole = true
  const real = await realpath(root).catch(() => undefined)
  // That the root is missing is told by the checks of a start.
  if (real === undefined) return []
  for await (const { name, gitDir } of repositoriesBelow(real)) {
    if (Date.now() > end) {
      isWhole = false
      break
    }
    count++
    const writers = new Set((await foreignHooksOf(gitDir)).map(({ writer }) => writer))
    for (const writer of writers) found.set(writer, [...(found.get(writer) ?? []), name])
  }
  const looked = isWhole
    ? `${count} ${count === 1 ? 'repository' : 'repositories'}`
    : `The first ${count} repositories, in ${withinMs / 1000} s`
  if (found.size === 0) return [ok('hooks', `${looked}: no hooks that another server has left.`)]
  return [...found].map(([writer, names]) => warning('hooks', sentence(writer, names, looked), todo))
}

const todo = 'Remove them: docs/operate/moving-over.md has the commands.'

function sentence(writer: string, names: readonly string[], looked: string): string {
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : ''
  return `${looked}: ${writer} has written hooks for itself in ${names.slice(0, mostNames).join(', ')}${more}. Under another server, they reject pushes.`
}
