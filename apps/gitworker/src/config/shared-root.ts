import type { SupervisorConfig } from './config.ts'

/**
 * Whether other hosts work in the same root. Then nothing in it has no owner because nobody on this machine uses it, or
 * because it is older than this machine's start.
 */
export function isRootShared({ cluster, storage }: Pick<SupervisorConfig, 'cluster' | 'storage'>): boolean {
  return cluster !== 'off' && storage === 'shared'
}

/**
 * Whether other hosts get copies of what is in the root. They get references and what these need, objects and locks of LFS,
 * and nothing else of a repository's folder.
 */
export function isRootCopied({ cluster, storage }: Pick<SupervisorConfig, 'cluster' | 'storage'>): boolean {
  return cluster !== 'off' && storage === 'own'
}
