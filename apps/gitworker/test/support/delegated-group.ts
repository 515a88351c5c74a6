import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { controlGroups } from '@sluice/shared/machine/control-group'

export type DelegatedGroup = Disposable & {
  readonly folder: string
  /** The controllers that it has been given. */
  readonly controllers: readonly string[]
}

/** Moves this process into a control group of its own, as a service manager does. @returns undefined where it may not */
export function moveIntoDelegatedGroup(): DelegatedGroup | undefined {
  const own = controlGroups('pids').find(({ version }) => version === 2)
  if (!own) return undefined
  const folder = join(own.folder, `sluice-test-${process.pid}`)
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, 'cgroup.procs'), String(process.pid))
  } catch {
    try {
      rmdirSync(folder)
    } catch {}
    return undefined
  }
  for (const controller of ['memory', 'pids']) {
    try {
      writeFileSync(join(own.folder, 'cgroup.subtree_control'), `+${controller}`)
    } catch {}
  }
  const controllers = readFileSync(join(folder, 'cgroup.controllers'), 'latin1').trim().split(' ').filter(Boolean)
  return {
    folder,
    controllers,
    [Symbol.dispose]() {
      writeFileSync(join(own.folder, 'cgroup.procs'), String(process.pid))
      rmdirSync(folder)
    },
  }
}
