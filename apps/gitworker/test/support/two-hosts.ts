import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { administer } from './administer.ts'
import { openHostsInProcess } from './hosts-in-process.ts'
import type { HostsInProcess } from './hosts-in-process.ts'
import { recordLog } from './recorded-log.ts'

/** Notes the commands of the second host that are about a repository. None begins for as long as there is a file `hold`. */
function gitThatWaits(folder: string): string {
  return `#!/bin/sh
case "$*" in
*${folder}/two/*) printf '%s\\n' "$*" >> ${folder}/asked; while [ -e ${folder}/hold ]; do sleep 0.05; done ;;
esac
exec git "$@"
`
}

const both = ['one', 'two'] as const

/** Two whole hosts in this process, `one` and `two`. Whatever is placed is kept by both, as a rule. */
export class TwoHosts implements AsyncDisposable {
  readonly folder: string
  /** The log of both: see `openHostsInProcess`. */
  readonly lines: readonly Record<string, unknown>[]
  readonly #hosts: HostsInProcess

  static async open(settings: Readonly<Record<string, string>> = {}): Promise<TwoHosts> {
    await using opening = new AsyncDisposableStack()
    const { lines, log } = recordLog()
    const hosts = opening.use(await openHostsInProcess(settings, log))
    const program = join(hosts.folder, 'git')
    await writeFile(program, gitThatWaits(hosts.folder), { mode: 0o755 })
    for (const name of both) await hosts.start(name, { SLUICE_GIT: program })
    opening.move()
    return new TwoHosts(hosts, lines)
  }

  private constructor(hosts: HostsInProcess, lines: TwoHosts['lines']) {
    this.#hosts = hosts
    this.folder = hosts.folder
    this.lines = lines
  }

  /** Makes a host the primary of a repository, with a copy at the other. @returns the repository's address there */
  async place(repository: string, primary: 'one' | 'two' = 'one'): Promise<string> {
    return await this.placeAt(repository, primary, both)
  }

  /** The same with copies, the primary among them, at these hosts. */
  async placeAt(repository: string, primary: string, copies: readonly string[]): Promise<string> {
    const before = this.#lookedBy(primary)
    await this.#hosts.place(repository, { primary, copies, inSync: copies })
    // It looks at its copies once in each term. What is pushed while it does may reach them by that.
    if (copies.length > 1) await until('the primary to have looked', () => this.#lookedBy(primary) > before)
    return this.urlAt(primary, repository)
  }

  /** How many slots a host has brought to copies, or found well there. */
  #lookedBy(host: string): number {
    const ends = this.lines.filter(({ by, msg }) => by === host && msg !== 'a copy is catching up')
    return ends.reduce((sum, { slotsDone }) => sum + Number(slotsDone ?? 0), 0)
  }

  /** @param commits on `main` @returns its folder */
  async makeWorkTree(commits: number): Promise<string> {
    await git(this.folder, ['init', '--quiet', 'work'])
    await importHistory(join(this.folder, 'work'), commits)
    return join(this.folder, 'work')
  }

  urlAt(host: string, repository: string): string {
    return this.#hosts.urlOf(host, repository)
  }

  async inSyncOf(repository: string): Promise<readonly string[]> {
    return await this.#hosts.inSyncOf(repository)
  }

  /** How `two` got what was pushed last. */
  async lastWay(): Promise<'fetch' | 'receive-pack' | undefined> {
    const noted = await readFile(join(this.folder, 'asked'), 'utf8').catch(() => '')
    const ways = noted.split('\n').map((line) => / receive-pack /.exec(line) ?? / copy$/.exec(line))
    const last = ways.findLast((found) => found !== null)
    return last && (last[0] === ' copy' ? 'fetch' : 'receive-pack')
  }

  /** Asks the administration of a host. */
  async administer(
    host: string,
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: string }> {
    return await administer(join(this.folder, `run-${host}`), method, path, body)
  }

  /** All that a copy is to have of a repository; undefined: there is none. */
  async stateAt(host: string, repository: string): Promise<object | undefined> {
    const gitDir = join(this.folder, host, repository)
    if (!existsSync(gitDir)) return undefined
    const textOf = (name: string) => readFile(join(gitDir, name), 'latin1').catch(() => '')
    const refs = await git(gitDir, ['for-each-ref', '--format=%(refname) %(objectname) %(symref)']).catch(
      (error: unknown) => {
        // Somebody may have removed it since.
        if (existsSync(gitDir)) throw error
      },
    )
    if (refs === undefined) return undefined
    return {
      refs,
      head: await textOf('HEAD'),
      config: await textOf('config'),
      description: await textOf('description'),
      isGuess: existsSync(join(gitDir, 'sluice-head-is-a-guess')),
    }
  }

  /** That both hosts have the same of a repository, and are in sync. */
  async assertSame(repository: string, what: string): Promise<void> {
    assert.deepEqual(await this.inSyncOf(repository), ['one', 'two'], what)
    assert.deepEqual(await this.stateAt('two', repository), await this.stateAt('one', repository), what)
    assert.deepEqual(await this.inSyncOf(repository), ['one', 'two'], what)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hosts[Symbol.asyncDispose]()
  }
}
