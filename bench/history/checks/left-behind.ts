import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { MemberLogs } from '../member-logs.ts'

export type Found = { readonly what: string; readonly found: readonly string[] }

type LeftParts = {
  readonly cluster: Cluster
  /** The folders with the repositories. */
  readonly roots: readonly string[]
  readonly logs: MemberLogs
  /** Whether faults explain what went wrong between these times (`Date.now()`). */
  readonly isExcused: (began: number, ended: number) => boolean
}

/** What must not be there when all requests are over, and all members have stopped, which this does. */
export async function leftBehind({ cluster, roots, logs, isExcused }: LeftParts): Promise<Found[]> {
  // What is left at one time counts: hosts may begin something of their own later.
  let left: number[] = []
  await until('all requests to be over', async () => (left = await cluster.gitProcesses()).length === 0).catch(() => {})
  const processes = left.map(String)
  const errors = logs.errors
    .filter(({ at, line }) => isUnexpected(line, at, isExcused))
    .map(({ member, line }) => `${member}: ${JSON.stringify(line).slice(0, 600)}`)
  const stopped = await Promise.allSettled([...cluster.gateways, ...cluster.hosts].map((member) => member.stop()))
  const failed = stopped.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
  const files: string[] = []
  const fsck: string[] = []
  for (const root of roots) {
    const temporary = (await readdir(root, { recursive: true })).filter(
      (file) => isTemporary(basename(file)) || basename(dirname(file)) === 'incoming',
    )
    files.push(...temporary.map((file) => join(root, file)))
    for (const name of (await readdir(root)).filter((entry) => entry.endsWith('.git'))) {
      const { code, stdout, stderr } = await tryGit(join(root, name), ['fsck', '--full', '--strict'])
      if (code !== 0) fsck.push(`${join(root, name)}: ${stdout}${stderr}`)
    }
  }
  const notes = await Promise.all(
    cluster.hosts.map(
      async ({ name }) => await readdir(join(cluster.folder, `${name}-run`, 'requests')).catch(() => []),
    ),
  )
  return [
    { what: 'processes of requests', found: processes },
    { what: 'notes of requests', found: notes.flat() },
    { what: 'quarantines, kept and temporary packs, locks', found: files },
    { what: 'errors of git fsck', found: fsck },
    { what: 'lines of level error', found: errors },
    { what: 'members that did not end as they should', found: failed },
  ]
}

/** Sluice's own folders in a root have names that no repository can have. */
function isTemporary(name: string): boolean {
  return /tmp-|tmp_|incoming-|gc\.pid|\.(lock|keep|new)$/.test(name) && !name.startsWith('.sluice-')
}

/** What faults that are made on purpose lead to. */
const excusable: readonly unknown[] = [
  'term_over',
  'no_lease',
  'host_failed',
  'host_unreachable',
  'placement_unknown',
  'slot_down',
  'worker_lost',
  'disk_low',
  'create_failed',
  // A worker that is about to connect to its host when that is stopped may give up before it goes on.
  'no_worker',
  'WorkerStartError',
]

function isUnexpected({ reason, ms, err }: LogLine, ended: number, isExcused: LeftParts['isExcused']): boolean {
  const began = ended - (Number(ms) || 0)
  const { name } = (err ?? {}) as { readonly name?: unknown }
  const isOfFullDisk = /ENOSPC|No space left on device/.test(JSON.stringify(err ?? ''))
  return !(excusable.includes(reason ?? name) || isOfFullDisk) || !isExcused(began, ended)
}
