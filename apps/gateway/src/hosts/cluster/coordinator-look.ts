import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { orAborted } from '@sluice/shared/machine/race'
import { formatFaultInWords, readFormat } from '@sluice/shared/placement/format'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'

/** Watches bring nothing while nothing changes, so silence says nothing. This is what is asked instead. */
const lookEveryMs = 2000

/** A look that takes longer counts as one that was not answered. */
const lateMs = 6000

const remindEveryMs = 60_000

/**
 * Whether the coordinator answers, and what it says of the cluster as a whole. While it is away, the gateway goes on with
 * what it knows.
 */
export class CoordinatorLook implements AsyncDisposable {
  readonly #coordinator: Coordinator
  readonly #keys: ClusterKeys
  readonly #log: Logger
  readonly #over = new AbortController()
  readonly #looking: Promise<void>
  readonly #since = performance.now()
  #answeredAt: number | undefined
  #failedSince: number | undefined
  #saidAt = -Infinity
  #cause: string | undefined
  #format: ClusterFormat | undefined
  #formatProblem: string | undefined
  #isFormatMissing = false
  #balancer: string | undefined

  constructor(coordinator: Coordinator, keys: ClusterKeys, log: Logger) {
    this.#coordinator = coordinator
    this.#keys = keys
    this.#log = log
    this.#looking = this.#lookOn()
  }

  /** As it was read last. Undefined before it is known. */
  get format(): ClusterFormat | undefined {
    return this.#format
  }

  /** In words, why this gateway cannot work with this cluster; undefined where it can. */
  get formatProblem(): string | undefined {
    return this.#formatProblem
  }

  /** In words, that somebody has deleted what there was: this gateway goes on, and hosts do not. */
  get formatIsMissing(): string | undefined {
    return this.#isFormatMissing && this.#format
      ? formatFaultInWords(this.#keys.format, 'missing', this.#format)
      : undefined
  }

  /** The host that balances; undefined: none does, or this is not known. */
  get balancer(): string | undefined {
    return this.#balancer
  }

  /** For how many milliseconds the coordinator has not answered; 0 while it answers. */
  get awayForMs(): number {
    const now = performance.now()
    const silentFor = now - (this.#answeredAt ?? this.#since)
    if (this.#failedSince !== undefined) return now - this.#failedSince
    return silentFor > lateMs ? silentFor : 0
  }

  /** In words, what is wrong with the coordinator; undefined while it answers. */
  get problem(): string | undefined {
    const seconds = Math.round(this.awayForMs / 1000)
    if (this.awayForMs === 0) return undefined
    return `etcd has not answered for ${seconds} s${this.#cause === undefined ? '' : `: ${this.#cause}`}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await this.#looking
  }

  async #lookOn(): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      try {
        await this.#look()
        this.#answered()
      } catch (error) {
        if (!signal.aborted) this.#failed(error as Error)
      }
      await pause(lookEveryMs * (0.75 + Math.random() / 2), undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #look(): Promise<void> {
    const late = setTimeout(() => this.#failed(new Error('There is no answer yet.')), lateMs)
    try {
      // What is asked may take longer than this gateway lives.
      await orAborted(this.#read(), this.#over.signal)
    } finally {
      clearTimeout(late)
    }
  }

  async #read(): Promise<void> {
    const { format, balancer } = this.#keys
    const read = await this.#coordinator.read(format)
    this.#takeFormat(read.entries.find(({ key }) => key === format)?.value)
    this.#balancer = (await this.#coordinator.read(balancer)).entries.find(({ key }) => key === balancer)?.value
  }

  #takeFormat(value: string | undefined): void {
    const format = value === undefined ? undefined : readFormat(value)
    this.#format = format ?? this.#format
    this.#isFormatMissing = value === undefined
    const isWrong = value !== undefined && format === undefined
    const problem = isWrong
      ? `${this.#keys.format} in etcd has a format that this version of Sluice cannot work with: ${value.slice(0, 200)}`
      : undefined
    if (problem !== undefined && problem !== this.#formatProblem) this.#log.error(problem)
    this.#formatProblem = problem
  }

  #answered(): void {
    if (this.#failedSince !== undefined) {
      this.#log.info({ awayForMs: Math.round(this.awayForMs) }, 'etcd answers again')
    }
    this.#answeredAt = performance.now()
    this.#failedSince = undefined
    this.#cause = undefined
    this.#saidAt = -Infinity
  }

  #failed(error: Error): void {
    this.#failedSince ??= this.#answeredAt ?? this.#since
    this.#cause = error.message
    if (performance.now() - this.#saidAt < remindEveryMs) return
    this.#saidAt = performance.now()
    const what =
      this.#answeredAt === undefined ? 'requests wait until it does' : 'this gateway goes on with what it knows'
    this.#log.warn({ err: error, awayForMs: Math.round(this.awayForMs) }, `etcd does not answer: ${what}`)
  }
}
