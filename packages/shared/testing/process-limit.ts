import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The limit on processes and threads of a process and all that it starts. */
export type ProcessLimit = Disposable & {
  /** Allows `more` than there are now. */
  allow(more: number): void
}

/**
 * Limits a running process by a control group of its own, or, for an ordinary user, by RLIMIT_NPROC.
 *
 * @returns undefined where neither can be done
 */
export function limitProcesses(pid: number): ProcessLimit | undefined {
  return byControlGroup(pid) ?? (process.getuid?.() === 0 ? undefined : byResourceLimit(pid))
}

function byControlGroup(pid: number): ProcessLimit | undefined {
  // The second version, and the first.
  for (const parent of ['/sys/fs/cgroup', '/sys/fs/cgroup/pids']) {
    const folder = join(parent, `sluice-test-${pid}`)
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    // Only in a control group is there a file in a new folder.
    if (!existsSync(join(folder, 'pids.max'))) {
      rmdirSync(folder)
      continue
    }
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    const lift = () => writeFileSync(join(folder, 'pids.max'), 'max')
    try {
      lift()
      for (const member of withLaunchers(pid)) writeFileSync(join(folder, 'cgroup.procs'), String(member))
    } catch {
      rmdirSync(folder)
      continue
    }
    return {
      allow: (more) => writeFileSync(join(folder, 'pids.max'), String(Number(read('pids.current')) + more)),
      [Symbol.dispose]() {
        lift()
        for (let attempts = 100; ; attempts--) {
          try {
            moveAll(folder, parent)
            return rmdirSync(folder)
          } catch (error) {
            // A member has ended, or started another, meanwhile.
            if (attempts === 0) throw error
          }
        }
      },
    }
  }
  return undefined
}

function moveAll(from: string, to: string): void {
  const members = readFileSync(join(from, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
  for (const member of members) writeFileSync(join(to, 'cgroup.procs'), member)
}

function byResourceLimit(pid: number): ProcessLimit | undefined {
  const set = (limit: string) => withLaunchers(pid).filter((one) => limitOne(one, limit)).length > 0
  if (!set(String(threadsOfMine() + 1000))) return undefined
  return {
    allow: (more) => void set(String(threadsOfMine() + more)),
    [Symbol.dispose]: () => void set(String(threadsOfMine() + 1000)),
  }
}

/** A process that forks for another, as the launcher of workers does, is one of its children. */
function withLaunchers(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean)
  return [pid, ...children.filter(isLauncher).map(Number)]
}

function threadsOfMine(): number {
  const uid = String(process.getuid?.())
  let threads = 0
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8')
      if (/^Uid:\s+(\d+)/m.exec(status)?.[1] === uid) threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1])
    } catch {
      // It ended while we looked.
    }
  }
  return threads
}

function isLauncher(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim() === 'sluice-launcher'
  } catch {
    return false // It has just ended.
  }
}

function limitOne(pid: number, limit: string): boolean {
  return spawnSync('prlimit', ['--pid', String(pid), `--nproc=${limit}:`]).status === 0
}
