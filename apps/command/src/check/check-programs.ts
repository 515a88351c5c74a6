import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { gitEnvironment } from '@sluice/gitworker/git/environment'
import { openWorkerSource } from '@sluice/gitworker/process/runtime/worker-source'
import { checkGit } from '@sluice/gitworker/start/parts/prerequisites'
import { ok } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { findingsOf, problemsOf } from './findings/from-start-checks.ts'

const gitWithinMs = 10_000

/** Whether git is there, and new enough. */
export async function checkGitVersion({ git }: SupervisorConfig, path: string): Promise<Finding[]> {
  let version = ''
  const askGit = async (args: readonly string[]) => {
    const options = { env: gitEnvironment(path, '/dev/null'), timeout: gitWithinMs, killSignal: 'SIGKILL' } as const
    return (await promisify(execFile)(git, [...args], options)).stdout
  }
  const problems = await problemsOf('git', async () => {
    version = await checkGit(git, askGit)
  })
  return problems.length > 0 ? problems : [ok('git', `${version}.`)]
}

/** Whether workers can be started as configured: starts a launcher, in a folder for temporary files, and ends it. */
export async function checkWorkers(
  config: SupervisorConfig,
): Promise<{ readonly runtime: 'launcher' | 'node'; readonly findings: readonly Finding[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-check-'))
  let runtime: 'launcher' | 'node' = 'node'
  try {
    const empty = join(folder, 'empty')
    await mkdir(empty)
    const { workerRuntime: wanted, workerStartTimeout: startTimeout, pushGrace: termGrace, killGrace } = config
    const settings = { wanted, folder, empty, startTimeout, termGrace, killGrace, limits: config }
    const findings = await findingsOf('workers', (log) => [
      async () => {
        const source = await openWorkerSource(settings, log)
        runtime = source.runtime
        return source
      },
    ])
    const works = findings.some(({ level }) => level === 'error')
      ? []
      : [ok('workers', `They are started by ${starters[runtime]}.`)]
    return { runtime, findings: [...works, ...findings] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const starters = { launcher: 'the launcher, which works', node: 'Node' } as const
