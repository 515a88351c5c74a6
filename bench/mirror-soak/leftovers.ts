import { globSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tryGit } from '@sluice/shared/testing/git'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import type { UpstreamRepository } from './upstreams.ts'

export type Found = { readonly what: string; readonly which: readonly string[] }

/** What differs between an upstream and its mirror, in words. Undefined where nothing does. */
export async function differenceOf({ gitDir }: UpstreamRepository, mirror: string): Promise<string | undefined> {
  const [there, here] = await Promise.all([referencesOf(gitDir), referencesOf(mirror)])
  if (there !== here) {
    const lines = new Set(there.split('\n')).symmetricDifference(new Set(here.split('\n')))
    return [...lines].slice(0, 4).join(', ')
  }
  const [wanted, head] = await Promise.all([headOf(gitDir), headOf(mirror)])
  // The HEAD of a mirror leads to a branch that is there.
  return wanted === head || !there.includes(` ${wanted}\n`) ? undefined : `HEAD is ${head}, not ${wanted}`
}

/** All that mirrors have by default. */
async function referencesOf(gitDir: string): Promise<string> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags']
  return (await tryGit(gitDir, args)).stdout
}

async function headOf(gitDir: string): Promise<string> {
  return (await tryGit(gitDir, ['symbolic-ref', 'HEAD'])).stdout.trim()
}

/** What a stack has left that has ended. @param sessions of its workers */
export async function findLeftovers(stack: Stack, sessions: ReadonlySet<number>): Promise<Found[]> {
  const run = join(stack.folder, 'run')
  const names = '**/{*.lock,*.lock/**,tmp_*,tmp-*,*.keep,*.new,FETCH_HEAD,gc.pid,incoming-*}'
  return [
    { what: 'processes', which: (await stack.gitProcesses()).map(String) },
    { what: 'zombies', which: await zombiesOf(sessions) },
    { what: 'files of runs', which: await readdir(join(run, 'mirrors')) },
    { what: 'notes', which: globSync('{requests,owed,creations}/*', { cwd: run }) },
    { what: 'locks and temporary files', which: globSync(names, { cwd: stack.root }) },
  ]
}

export async function zombiesOf(sessions: ReadonlySet<number>): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')))
  return stats.filter((stat) => {
    const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' && sessions.has(Number(session))
  })
}

/** A killed worker is lost, which is an error in the log. */
export function isUnexpected({ level, reason }: LogLine): boolean {
  return level === 'error' && reason !== 'worker_lost'
}
