import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { Member } from '@sluice/shared/testing/member'
import { oneOf } from '../random.ts'
import type { FaultParts } from './faults.ts'

const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))

/** Why clocks cannot jump here; undefined if they can. */
export const noClocks =
  library === undefined ? 'libfaketime is not installed (Debian: libfaketime), so no clock jumps' : undefined

/** The clocks of hosts and gateways, which can be set while they run. Those of etcd, which is no C program, cannot. */
export type Clocks = AsyncDisposable & {
  /** What makes a member go by its own clock. */
  readonly envOf: (member: string) => Record<string, string>
  /** @param seconds from the right time */
  set(member: string, seconds: number): Promise<void>
  /** A process that goes by such a clock. One that is killed leaves something in /dev/shm, which goes in the end. */
  saw(pid: number): void
}

export async function openClocks(): Promise<Clocks> {
  const folder = await temporaryFolder()
  const pids = new Set<number>()
  const fileOf = (member: string) => join(folder.path, member)
  return {
    envOf: (member) => ({
      LD_PRELOAD: library!,
      // Until there is such a file, the clock is right.
      FAKETIME_TIMESTAMP_FILE: fileOf(member),
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    }),
    set: async (member, seconds) => {
      const next = `${fileOf(member)}.next`
      await writeFile(next, seconds < 0 ? String(seconds) : `+${seconds}`)
      // libfaketime ends a process that finds half a file.
      await rename(next, fileOf(member))
    },
    saw: (pid) => void pids.add(pid),
    [Symbol.asyncDispose]: async () => {
      const left = [...pids].flatMap((pid) => [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
      for (const name of left) await rm(join('/dev/shm', name), { force: true })
      await folder[Symbol.asyncDispose]()
    },
  }
}

const jumps = [-86_400, -3600, -5, 5, 3600, 86_400]

export async function jumpingClock({ clocks, random, ttl }: FaultParts, member: Member): Promise<void | false> {
  if (!clocks) return false
  await clocks.set(member.name, oneOf(random, jumps))
  await pause(ttl * (0.5 + random()))
  // Back to the right time, which is a jump, too.
  await clocks.set(member.name, 0)
}
