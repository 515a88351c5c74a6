import { borrowersOf } from '../lending/borrowers.ts'
import type { Borrower } from '../lending/borrowings.ts'
import { closeRepositories } from './closed-repositories.ts'
import type { ClosingServices } from './closed-repositories.ts'
import type { FoundRepository } from '../operation/found-repository.ts'
import { keysOf } from '../operation/found-repository.ts'
import { movableFolder } from '../move/movable.ts'
import type { MoveNotes } from '../move/move-notes.ts'
import { whileNothingMoves } from '../move/while-nothing-moves.ts'
import type { OperationKind, Progress } from '../operation/operation.ts'
import type { Trash } from '../trash/trash.ts'
import type { Turns } from '../operation/turns.ts'

export type MovingServices = ClosingServices & {
  readonly root: string
  readonly turns: Turns
  readonly trash: Trash
  readonly notes: MoveNotes
}

/** A repository that nobody works in, until disposed of. */
export type HeldRepository = Disposable & {
  readonly gitDir: string
  /** What is moved with it: see movable.ts. */
  readonly folder: string
  /** Nobody works in these either. */
  readonly borrowers: readonly Borrower[]
}

/**
 * Takes a repository out of service for a move, and those that borrow objects from it.
 *
 * @param others further names that nothing else may be done with meanwhile
 * @param check looks at the borrowers, and may throw
 * @throws {Refusal} `repository_busy`, `repository_in_use`, `not_movable`, `borrowers_unknown`
 */
export async function holdForMove(
  services: MovingServices,
  { name, gitDir, keys }: FoundRepository,
  kind: OperationKind,
  progress: Progress,
  {
    others = [],
    check = () => {},
  }: { others?: readonly string[]; check?: (borrowers: readonly Borrower[]) => void } = {},
): Promise<HeldRepository> {
  const { root, turns, trash, notes } = services
  using holding = new DisposableStack()
  const folder = movableFolder(root, name, gitDir)
  holding.use(turns.take([...keys, ...others], kind))
  const borrowers = await whileNothingMoves(notes, () => borrowersOf(gitDir, root, trash))
  check(borrowers)
  holding.use(turns.take([...new Set(borrowers.flatMap((one) => keysOf(one.name, one.gitDir)))], kind))
  holding.use(await closeRepositories(services, [gitDir, ...borrowers.map((one) => one.gitDir)], progress))
  const held = holding.move()
  return { gitDir, folder, borrowers, [Symbol.dispose]: () => held.dispose() }
}
