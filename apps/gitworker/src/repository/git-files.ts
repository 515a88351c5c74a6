/*
 * Names that git gives to files and folders of its own in a repository: gitrepository-layout(5), and where that is silent,
 * the sources.
 */

/** The folder that holds a push's objects until its hooks have agreed (tmp-objdir.c). git before 2.35 had no `tmp_objdir-`. */
export const quarantineName = /^(?:tmp_objdir-)?incoming-\w+$/

/** The list of shallow commits that a push from a shallow clone would bring (setup_temporary_shallow in shallow.c). */
export const shallowName = /^shallow_\w{6}$/

/** Lock files of a work tree's own. */
export const ownLocks = ['HEAD.lock', 'index.lock'] as const

/** Lock files of what work trees share. */
export const sharedLocks = ['packed-refs.lock', 'shallow.lock', 'config.lock', 'reftable/tables.list.lock'] as const

/**
 * Lock files in the folder of objects, of what can be made anew at any time. git holds one while it is at work, and has no age
 * for it: as long as one is left over, neither bitmaps nor commit graphs are written, and `git maintenance run` does nothing.
 */
export const locksOfObjects = [
  'maintenance.lock',
  'pack/multi-pack-index.lock',
  'info/commit-graph.lock',
  'info/commit-graphs/commit-graph-chain.lock',
] as const

export function isLockName(name: string): boolean {
  return name.endsWith('.lock')
}

/** The file that keeps a pack from being repacked: index-pack makes one for a push, until its references have moved. */
export function isKeepName(name: string): boolean {
  return name.endsWith('.keep')
}
