import { addAbortListener } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator, Lease } from '@sluice/shared/coordinator/coordinator'
import { readHostRecord, writeHostRecord } from '@sluice/shared/placement/host-record'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'

/*
 * A host's place in its cluster: its record, on a lease.
 *
 *   outside ──lease granted, record written──▶ catching up ──all slots read──▶ member
 *      ▲                                            │                            │
 *      └── the lease has ended, or somebody has taken the record away ───────────┘
 *
 * outside: another host may take over every slot that this one had. So none of them is its own until it has read them anew:
 *   nobody takes a slot from a host whose record is there, so that what it reads then stays true as long as its lease does.
 * member: it is primary of what the table says, as long as the lease is surely live.
 */

export type RegistrationOptions = {
  readonly coordinator: Coordinator
  readonly keys: ClusterKeys
  readonly name: string
  /** Milliseconds. */
  readonly ttl: number
  readonly record: Omit<HostRecord, 'isLeaving'>
  /** Reads all slots anew. @throws {CoordinatorError} */
  readonly catchUp: () => Promise<void>
  /** Called when this host is outside: whatever it does as a primary is to end. */
  readonly onLost: () => void
  readonly log: Logger
}

/** What has come of an attempt to become a member. */
export type Attempt =
  | { readonly kind: 'member' }
  | { readonly kind: 'taken'; readonly address: string }
  | { readonly kind: 'again'; readonly why: string }

/** Between two attempts, in milliseconds. */
const firstPause = 100
const longestPause = 2000

export class Registration implements AsyncDisposable {
  readonly #options: RegistrationOptions
  readonly #ending = new AbortController()
  #isLeaving = false
  #lease: Lease | undefined
  /** Of this host's record. */
  #revision = 0
  #lost = Promise.withResolvers<string>()
  /** What the watch has said last of this host's record. */
  #seen: { readonly record: HostRecord | undefined; readonly revision: number } | undefined
  #keeping: Promise<void> | undefined

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  /** The lease of a member, live or not; undefined outside. Each stay in the cluster has a lease of its own. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** Tries once. @throws {CoordinatorError} */
  async attempt(): Promise<Attempt> {
    const { coordinator, keys, name, ttl, record, catchUp } = this.#options
    const key = keys.host(name)
    const lease = await coordinator.grantLease(ttl)
    await using granted = new AsyncDisposableStack()
    granted.use(lease)
    const value = writeHostRecord({ ...record, isLeaving: this.#isLeaving })
    let swapped = await coordinator.swap([{ key, expected: 0, value, lease }])
    if (!swapped.isDone) {
      const found = (await coordinator.read(key)).entries.find((entry) => entry.key === key)
      const other = found && readHostRecord(found.value)
      if (found && other?.run !== record.run) return { kind: 'taken', address: other?.address ?? 'an unknown address' }
      // An attempt of this process, of which it was not told that it had succeeded.
      swapped = await coordinator.swap([{ key, expected: found?.revision ?? 0, value, lease }])
      if (!swapped.isDone) return { kind: 'again', why: 'its record changes all the time' }
    }
    await catchUp()
    granted.move()
    this.#revision = swapped.revision
    this.#lease = lease
    this.#lost = Promise.withResolvers()
    this.#checkRecord()
    return { kind: 'member' }
  }

  /** From now on, a member that finds itself outside becomes one again. */
  keep(): void {
    this.#keeping ??= this.#keep()
  }

  /** What the watch says of this host's record. @param revision of the watch */
  seen(record: HostRecord | undefined, revision: number): void {
    this.#seen = { record, revision }
    this.#checkRecord()
  }

  /** Makes this host an outsider, which joins again. */
  lose(why: string): void {
    if (this.#lease) this.#lost.resolve(why)
  }

  /** Tells the others that this host is about to stop. @throws {CoordinatorError} */
  async beginLeaving(): Promise<void> {
    const { coordinator, keys, name, record } = this.#options
    this.#isLeaving = true
    const lease = this.#lease
    if (!lease) return
    const value = writeHostRecord({ ...record, isLeaving: true })
    const { isDone, revision } = await coordinator.swap([
      { key: keys.host(name), expected: this.#revision, value, lease },
    ])
    if (isDone) this.#revision = revision
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#keeping
    const lease = this.#lease
    this.#lease = undefined
    await lease?.[Symbol.asyncDispose]()
  }

  /** Nobody but this process and the end of its lease takes the record away, except for somebody with an editor. */
  #checkRecord(): void {
    if (!this.#lease || !this.#seen || this.#seen.revision <= this.#revision) return
    const { record } = this.#seen
    if (record?.run === this.#options.record.run) return
    this.#lost.resolve(
      record
        ? `another host has its name, at ${record.address}`
        : 'its record in etcd is gone: its lease has ended, or somebody has deleted it',
    )
  }

  async #keep(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const why = await this.#untilLost()
      if (this.#ending.signal.aborted) return
      const { onLost, log, name } = this.#options
      const lease = this.#lease
      this.#lease = undefined
      onLost()
      log.warn({ host: name, lease: lease?.id, why }, 'this host is no member of its cluster any more: joins again')
      await lease?.[Symbol.asyncDispose]()
      await this.#joinAgain()
    }
  }

  /** @returns why this host is outside */
  async #untilLost(): Promise<string> {
    const lease = this.#lease
    if (!lease) return 'it was none'
    const { resolve, promise } = this.#lost
    using _ending = addAbortListener(this.#ending.signal, () => resolve('it stops'))
    using _ended = addAbortListener(lease.ended, () => resolve('its lease has ended'))
    return await promise
  }

  async #joinAgain(): Promise<void> {
    const { log, name } = this.#options
    const { signal } = this.#ending
    let lastSaid: string | undefined
    for (let ms = firstPause; !signal.aborted; ms = Math.min(ms * 2, longestPause)) {
      const attempt = await this.attempt().catch((error: unknown) => failed(error))
      if (attempt.kind === 'member') {
        return log.info({ host: name, lease: this.#lease?.id, revision: this.#revision }, 'joined the cluster again')
      }
      const said = attempt.kind === 'taken' ? `another host has its name, at ${attempt.address}` : attempt.why
      if (said !== lastSaid) log.warn({ host: name, why: said }, 'cannot join the cluster')
      lastSaid = said
      await pause(ms, undefined, { signal }).catch(() => {})
    }
  }
}

function failed(error: unknown): Extract<Attempt, { kind: 'again' }> {
  return { kind: 'again', why: error instanceof Error ? error.message : String(error) }
}
