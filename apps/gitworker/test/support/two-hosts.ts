import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { formatAddress } from '@sluice/shared/network/address'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { Logger } from '@sluice/shared/telemetry/log'
import { silentLog } from '@sluice/shared/telemetry/log'
import { freePort } from '@sluice/shared/testing/free-port'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { readSupervisorConfig } from '../../src/config/config.ts'
import { startSupervisor } from '../../src/start/start.ts'
import type { Supervisor } from '../../src/start/start.ts'

const keys = clusterKeys('/sluice/')

/** For as long as there is a file `hold`, no git of the second host begins that is about a repository. */
function gitThatWaits(folder: string): string {
  return `#!/bin/sh
case "$*" in
*${folder}/two/*) : > ${folder}/asked; while [ -e ${folder}/hold ]; do sleep 0.05; done ;;
esac
exec git "$@"
`
}

/** Two whole hosts in this process, `one` and `two`, each with a root of its own, over a coordinator in this process. */
export class TwoHosts implements AsyncDisposable {
  readonly folder: string
  readonly #store = new KeyStore()
  readonly #operator = new InProcessCoordinator(this.#store)
  readonly #hosts = new Map<string, Supervisor>()
  readonly #parts = new AsyncDisposableStack()

  static async open(settings: Readonly<Record<string, string>> = {}, log: Logger = silentLog): Promise<TwoHosts> {
    const temporary = await temporaryFolder()
    const hosts = new TwoHosts(temporary.path)
    await writeFile(join(temporary.path, 'git'), gitThatWaits(temporary.path), { mode: 0o755 })
    hosts.#parts.use(temporary)
    hosts.#parts.use(hosts.#operator)
    // While somebody has this key, no host balances.
    const lease = hosts.#parts.use(await hosts.#operator.grantLease(60_000))
    await hosts.#operator.swap([{ key: keys.balancer, expected: 0, value: 'nobody', lease }])
    try {
      for (const name of ['one', 'two']) await hosts.#start(name, settings, log)
    } catch (error) {
      await hosts[Symbol.asyncDispose]()
      throw error
    }
    return hosts
  }

  private constructor(folder: string) {
    this.folder = folder
  }

  async #start(name: string, settings: Readonly<Record<string, string>>, log: Logger): Promise<void> {
    const root = join(this.folder, name)
    await mkdir(root)
    const config = readSupervisorConfig({
      SLUICE_ROOT: root,
      SLUICE_SUPERVISOR: `127.0.0.1:${await freePort()}`,
      SLUICE_RUN_FOLDER: join(this.folder, `run-${name}`),
      SLUICE_CREATE_ON_PUSH: 'on',
      SLUICE_MIN_FREE_DISK: '0B',
      SLUICE_MAINTENANCE: 'off',
      SLUICE_WARM_WORKERS: '2',
      SLUICE_WORKER_START_TIMEOUT: '60s',
      SLUICE_CLUSTER: 'etcd',
      SLUICE_ETCD: 'http://127.0.0.1:1',
      SLUICE_HOST_NAME: name,
      SLUICE_COPY_TIMEOUT: '60s',
      SLUICE_LEASE: '1s',
      SLUICE_GIT: join(this.folder, 'git'),
      ...settings,
    })
    const supervisor = await startSupervisor(config, log, new InProcessCoordinator(this.#store))
    this.#hosts.set(name, this.#parts.use(supervisor))
  }

  /** Makes a host the primary of a repository, with a copy at the other. @returns the repository's address there */
  async place(repository: string, primary: 'one' | 'two' = 'one'): Promise<string> {
    return await this.placeAt(repository, primary, ['one', 'two'])
  }

  async placeAt(repository: string, primary: string, copies: readonly string[]): Promise<string> {
    const value = writeSlotRecord({ primary, copies, inSync: copies, next: undefined, term: undefined })
    const { revision } = await this.#operator.swap([{ key: keys.slot(slotOf(repository)), expected: undefined, value }])
    const known = () => [...this.#hosts.values()].map(({ cluster }) => cluster!.status.revision)
    await until('both hosts to know', () => known().every((one) => one >= revision))
    return this.urlAt(primary, repository)
  }

  urlAt(host: string, repository: string): string {
    return `http://${formatAddress(this.#hosts.get(host)!.address)}/${repository}`
  }

  async inSyncOf(repository: string): Promise<readonly string[]> {
    const { entries } = await this.#operator.read(keys.slot(slotOf(repository)))
    return readSlotRecord(entries[0]!.value, entries[0]!.revision)!.inSync
  }

  /** Asks the administration of a host. */
  async administer(
    host: string,
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: string }> {
    const socketPath = join(this.folder, `run-${host}`, 'administration.sock')
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
    const headers = body ? { 'Content-Type': 'application/json' } : {}
    request({ socketPath, method, path: `/-/${path}`, headers }, (reply) => {
      text(reply).then((said) => resolve({ status: reply.statusCode!, body: said }), reject)
    })
      .on('error', reject)
      .end(body && JSON.stringify(body))
    return await promise
  }

  /** All that a copy is to have of a repository; undefined: there is none. */
  async stateAt(host: string, repository: string): Promise<object | undefined> {
    const gitDir = join(this.folder, host, repository)
    if (!existsSync(gitDir)) return undefined
    const textOf = (name: string) => readFile(join(gitDir, name), 'latin1').catch(() => '')
    return {
      refs: await git(gitDir, ['for-each-ref', '--format=%(refname) %(objectname) %(symref)']),
      head: await textOf('HEAD'),
      config: await textOf('config'),
      description: await textOf('description'),
      isGuess: existsSync(join(gitDir, 'sluice-head-is-a-guess')),
    }
  }

  /** That both hosts have the same of a repository, and are in sync. */
  async assertSame(repository: string, what: string): Promise<void> {
    assert.deepEqual(await this.stateAt('two', repository), await this.stateAt('one', repository), what)
    assert.deepEqual(await this.inSyncOf(repository), ['one', 'two'], what)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
