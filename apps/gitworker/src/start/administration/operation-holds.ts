import { Refusal } from '@sluice/shared/refusal/refusal'
import type { HoldOperation } from '../../administration/administration.ts'
import { changedNames, changesState, takesName } from '../../administration/operation/changed-names.ts'
import type { Operation } from '../../administration/operation/operation.ts'
import type { Trash } from '../../administration/trash/trash.ts'
import type { Placement } from '../../cluster/placement/placement.ts'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import { NotPrimaryError } from '../../copies/primary/primary-of.ts'
import type { Copies } from '../../copies/primary/copies.ts'

export type OperationHoldsServices = {
  /** Undefined where there is one host only. */
  readonly placement: Placement | undefined
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Pick<Copies, 'has' | 'confirm'> | undefined
  readonly trash: Trash
  readonly isShared: boolean
}

type Held = { readonly name: string; readonly tenure: Tenure }

/** What an operation needs in a cluster: its repositories stay on this host, and their copies get to know what it did. */
export function operationHolds(services: OperationHoldsServices): HoldOperation {
  const { placement, copies } = services
  if (!placement) return () => ({ confirm: async () => {}, [Symbol.dispose]() {} })
  return (operation) => {
    using holding = new DisposableStack()
    const held = namesOf(operation, services).map((name): Held => {
      return { name, tenure: holding.use(holdFor(operation, name, placement)) }
    })
    const holds = holding.move()
    return {
      async confirm({ signal, tell }) {
        // A new name first: what the old one had is in the cluster all the time.
        if (changesState(operation)) for (const one of held.toReversed()) await confirm(one, copies, tell)
        for (const { name, tenure } of held) await tenure.confirm(signal).catch(() => Promise.reject(unknown(name)))
      },
      [Symbol.dispose]: () => holds.dispose(),
    }
  }
}

function namesOf(operation: Operation, { trash, isShared }: OperationHoldsServices): string[] {
  return changedNames(operation, (id) => trash.find(id), isShared)
}

/** @throws {Refusal} `misplaced`, `no_lease` */
function holdFor(operation: Operation, name: string, placement: Placement): Tenure {
  const isNewName = takesName(operation) && name === operation.to
  const other = placement.primaryOf(name)
  const source = isNewName ? placement.primaryOf(operation.repository) : undefined
  if (isNewName && other !== undefined && source !== undefined && other !== source) {
    const [from, to] = [JSON.stringify(operation.repository), JSON.stringify(name)]
    const last = operation.kind === 'rename' ? ', and delete the old one' : ''
    throw new Refusal('misplaced', {
      sentence: `The name ${to} falls to the host ${other}, and ${from} is on the disk of ${source}. Create ${to} on ${other} (sluice repo create), and push everything to it (git clone --mirror, git push --mirror)${last}. Or choose another name: some fall to ${source}.`,
    })
  }
  return placement.holdForOperator(name)
}

/** @throws {Refusal} `term_over` */
async function confirm(
  { name, tenure }: Held,
  copies: OperationHoldsServices['copies'],
  tell: (line: string) => void,
): Promise<void> {
  if (!copies) return
  if (copies.has(name)) tell(`bringing ${name} to the other hosts that keep it`)
  try {
    await copies.confirm(name, tenure.term)
  } catch (cause) {
    throw cause instanceof NotPrimaryError ? unknown(name, cause) : cause
  }
}

function unknown(name: string, cause?: unknown): Refusal {
  const sentence = `This host may not be the one that keeps ${JSON.stringify(name)} any more. What was done here may last, or not: look at the repository on the host that keeps it.`
  return new Refusal('term_over', { sentence, cause })
}
