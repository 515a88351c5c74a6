import type { Operation } from './operation.ts'

/**
 * The names of the repositories whose host must be this one, for an operation.
 *
 * Where all hosts have the same root, a name that is yet to be taken may be another host's: it is taken by one rename(2),
 * which fails where the other host has taken it first.
 *
 * @param trashed what the trash has under an id
 * @throws {Refusal} `trash_missing`
 */
export function changedNames(
  operation: Operation,
  trashed: (id: string) => { readonly repository: string },
  isShared: boolean,
): string[] {
  if (operation.kind === 'purge') return [operation.repository ?? trashed(operation.id).repository]
  if (operation.kind === 'restore') return [operation.to ?? trashed(operation.id).repository]
  return takesName(operation) && !isShared ? [operation.repository, operation.to] : [operation.repository]
}

/** Whether an operation gives a name to what another repository has. */
export function takesName(operation: Operation): operation is Extract<Operation, { readonly kind: 'rename' | 'fork' }> {
  return operation.kind === 'rename' || operation.kind === 'fork'
}

/** Whether copies on other hosts are to know of an operation. A mirror's run tells them itself. */
export function changesState({ kind }: Operation): boolean {
  return kind !== 'purge' && kind !== 'fsck' && kind !== 'mirror'
}
