import { closeSync, mkdirSync, openSync, readSync, rmdirSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { readField, readText } from '@sluice/shared/machine/control-group'

/** What the processes of one request may use together, the page cache of the files that they read included. */
export type GroupLimits = {
  /** In bytes. */
  readonly memory: number | undefined
  /** Each thread counts. */
  readonly processes: number | undefined
}

/** What a request has used, as far as the kernel counts it for a group that is used again. */
export type GroupUse = {
  /** User and system time of all its processes. */
  readonly cpuMs?: number
  /** The most that it had at once. Since Linux 6.12. */
  readonly memoryPeakBytes?: number
  /** The limit that it has run into. */
  readonly exceeded?: 'memory' | 'processes'
}

/** For what is read of a group: its first lines. */
const buffer = Buffer.alloc(1024)

/** The control group of one request at a time. */
export class RequestGroup {
  readonly number: number
  /** Whether `kill` was called. */
  wasKilled = false
  readonly #folder: string
  readonly #limits: GroupLimits
  /** Only what is read by the descriptor that has reset it counts from then. */
  #peak: number | undefined
  #canResetPeak: boolean
  #before = { cpuUs: 0, killed: 0, refused: 0 }

  /**
   * Makes it.
   *
   * @param parent its folder is made here, and has its number as its name
   * @throws the system's error
   */
  constructor(parent: string, number: number, limits: GroupLimits) {
    this.number = number
    this.#limits = limits
    this.#folder = join(parent, String(number))
    this.#canResetPeak = limits.memory !== undefined
    mkdirSync(this.#folder)
    try {
      if (limits.memory !== undefined) this.#limitMemory(limits.memory)
      if (limits.processes !== undefined) this.#write('pids.max', limits.processes)
    } catch (error) {
      rmdirSync(this.#folder)
      throw error
    }
  }

  /** From now on, what is used is a new request's. */
  begin(): void {
    this.#before = this.#counts()
    if (this.#canResetPeak) this.#resetPeak()
  }

  /** What has been used since `begin`. */
  use(): GroupUse {
    const { cpuUs, killed, refused } = this.#counts()
    const before = this.#before
    const memoryPeakBytes = this.#readPeak()
    const exceeded = killed > before.killed ? 'memory' : refused > before.refused ? 'processes' : undefined
    return {
      ...(cpuUs > before.cpuUs && { cpuMs: (cpuUs - before.cpuUs) / 1000 }),
      ...(memoryPeakBytes !== undefined && { memoryPeakBytes }),
      ...(exceeded && { exceeded }),
    }
  }

  /** Whether a process in it lives. One that is gone was empty: the kernel removes no other. */
  get state(): 'populated' | 'empty' | 'gone' {
    try {
      return this.#readNow('cgroup.events').includes('populated 0') ? 'empty' : 'populated'
    } catch (error) {
      return isGone(error) ? 'gone' : 'populated'
    }
  }

  /** The pids of its processes, for the log. */
  get members(): string[] {
    return (readText(join(this.#folder, 'cgroup.procs')) ?? '').split('\n').filter(Boolean)
  }

  /** Kills all that is in it, also what is just being forked. */
  kill(): void {
    this.wasKilled = true
    try {
      this.#write('cgroup.kill', 1)
    } catch {
      // It is gone, or there are no descriptors for the moment: whoever waits for its end tries again.
    }
  }

  /** @returns whether it is gone, as an empty one is */
  remove(): boolean {
    if (this.#peak !== undefined) closeSync(this.#peak)
    this.#peak = undefined
    this.#canResetPeak = false
    try {
      rmdirSync(this.#folder)
      return true
    } catch (error) {
      return isGone(error)
    }
  }

  /** Without swap: a limit that makes the disk busy in place of the memory would hurt everybody. */
  #limitMemory(bytes: number): void {
    this.#write('memory.max', bytes)
    try {
      this.#write('memory.swap.max', 0)
    } catch {
      // The kernel has no swap, or does not count it.
    }
  }

  #counts() {
    const { memory, processes } = this.#limits
    return {
      cpuUs: this.#count('cpu.stat', 'usage_usec'),
      killed: memory === undefined ? 0 : this.#count('memory.events', 'oom_kill'),
      // Only kernels that have this file count in `max` what the group's own limit has refused, and no other (6.10).
      refused: processes === undefined ? 0 : this.#count('pids.events.local', 'max'),
    }
  }

  #count(file: string, name: string): number {
    return readField(this.#read(file), name) ?? 0
  }

  #resetPeak(): void {
    try {
      this.#peak ??= openSync(join(this.#folder, 'memory.peak'), 'r+')
      writeSync(this.#peak, 'reset', 0)
    } catch {
      // Before 6.12, it cannot be reset, and would be an earlier request's.
      this.#canResetPeak = false
    }
  }

  #readPeak(): number | undefined {
    if (this.#peak === undefined || !this.#canResetPeak) return undefined
    return Number(buffer.toString('latin1', 0, readSync(this.#peak, buffer, 0, buffer.length, 0)))
  }

  #read(file: string): string {
    try {
      return this.#readNow(file)
    } catch {
      return ''
    }
  }

  /** Half of what readFileSync takes: each request waits for it. */
  #readNow(file: string): string {
    const opened = openSync(join(this.#folder, file), 'r')
    try {
      return buffer.toString('latin1', 0, readSync(opened, buffer, 0, buffer.length, 0))
    } finally {
      closeSync(opened)
    }
  }

  #write(file: string, value: number): void {
    writeFileSync(join(this.#folder, file), String(value))
  }
}

function isGone(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENODEV'
}
