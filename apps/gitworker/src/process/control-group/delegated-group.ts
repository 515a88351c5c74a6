import { accessSync, constants, existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { controlGroups, readText } from '@sluice/shared/machine/control-group'

/*
 * Whether this process may make control groups below its own: https://docs.kernel.org/admin-guide/cgroup-v2.html, "Delegation".
 * To be able to write is not enough, since root always is. The group must be this user's, and have this process alone in it:
 * whoever else is in it, such as a shell, may be there for another purpose than ours.
 */

/** The files that whoever has been given a group may write to. */
const delegatedFiles = ['cgroup.procs', 'cgroup.subtree_control']

/** The group's folder, or the reason why there is none. */
export type Delegated =
  | { readonly folder: string; readonly why?: undefined }
  | { readonly folder?: undefined; readonly why: string }

/** @param files the root of the file system whose /proc and /sys are read */
export function findDelegatedGroup(files = '/', pid = process.pid): Delegated {
  const own = controlGroups('pids', files).find(({ version }) => version === 2)
  if (!own) return { why: 'this machine has no cgroup v2' }
  const { folder, name } = own
  const type = readText(join(folder, 'cgroup.type'))?.trim()
  if (type === undefined) return { why: 'this process is in the root of all control groups' }
  if (type !== 'domain') return { why: `control group ${name} is ${type}` }
  if (!existsSync(join(folder, 'cgroup.kill'))) return { why: 'the kernel is older than 5.14: it has no cgroup.kill' }
  if (!isOurs(folder)) return { why: `control group ${name} is not delegated to this user` }
  const members = membersOf(folder)
  const other = members.find((member) => member !== pid)
  if (other !== undefined) return { why: `control group ${name} has other processes in it, such as ${other}` }
  if (members.length === 0) return { why: 'this process was started in the control group of an earlier supervisor' }
  return { folder }
}

/** The pids of a group's processes. Of another PID namespace's, the kernel says 0. */
function membersOf(group: string): number[] {
  return (readText(join(group, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number)
}

function isOurs(folder: string): boolean {
  try {
    if (lstatSync(folder).uid !== process.getuid?.()) return false
    for (const path of [folder, ...delegatedFiles.map((file) => join(folder, file))]) accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
