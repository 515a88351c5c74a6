import { plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { onThisHost } from '../../administration/operation/held-operation.ts'
import type { HoldOperation } from '../../administration/operation/held-operation.ts'
import { changedNames, changesState, takesName } from '../../administration/operation/changed-names.ts'
import type { Operation } from '../../administration/operation/operation.ts'
import type { Trash } from '../../administration/trash/trash.ts'
import type { Placement } from '../../cluster/placement/placement.ts'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import { NotPrimaryError } from '../../copies/primary/primary-of.ts'
import type { Copies } from '../../copies/primary/copies.ts'
import type { OtherTrashes } from '../../copies/trash/other-trashes.ts'

export type OperationHoldsServices = {
  /** Undefined where there is one host only. */
  readonly placement: Placement | undefined
  /** Undefined where nothing is copied to other hosts. */
  readonly copies: Pick<Copies, 'has' | 'confirm' | 'turns'> | undefined
  /** Undefined there, too. */
  readonly otherTrashes: Pick<OtherTrashes, 'forget'> | undefined
  /** Finds out about one that is not renamed to its name yet. Undefined there, too. */
  readonly lookAt: ((repository: string) => void) | undefined
  readonly trash: Trash
  readonly isShared: boolean
}

type Held = { readonly name: string; readonly tenure: Tenure }

/** What an operation needs in a cluster: its repositories stay on this host, and their copies get to know what it did. */
export function operationHolds(services: OperationHoldsServices): HoldOperation {
  const { placement, copies } = services
  if (!placement) return () => alone
  return (operation) => {
    using holding = new DisposableStack()
    const otherHost = otherHostOf(operation, services, placement)
    const held = namesOf(operation, services, otherHost).map((name): Held => {
      return { name, tenure: holding.use(placement.holdForOperator(name)) }
    })
    const holds = holding.move()
    const areOurs = async (signal: AbortSignal) => {
      for (const { name, tenure } of held) await tenure.confirm(signal).catch(() => Promise.reject(unknown(name)))
    }
    const tidy = tidying(operation, services, otherHost)
    return {
      otherHost,
      async begin() {
        for (const { name } of held) await copies?.turns.untilFree(plainName(name))
      },
      checkIsOurs: () => areOurs(never),
      async confirm({ signal, tell }) {
        // A fork on another host's disk changes nothing here.
        if (otherHost !== undefined && operation.kind === 'fork') return
        // A new name first: what the old one had is in the cluster all the time.
        if (changesState(operation)) for (const one of held.toReversed()) await confirm(one, copies, tell)
        await areOurs(signal)
      },
      done: tidy,
      [Symbol.dispose]: () => holds.dispose(),
    }
  }
}

const never = new AbortController().signal

const alone = { ...onThisHost, begin: async () => {}, done: async () => {}, [Symbol.dispose]() {} }

/**
 * What has been restored is in the trash of the other hosts, too. And what has got another name, or come out of the trash, may
 * still wait for word of what it was renamed from.
 */
function tidying(
  operation: Operation,
  { trash, otherTrashes, lookAt }: OperationHoldsServices,
  otherHost: string | undefined,
): () => Promise<void> {
  if (operation.kind === 'rename' && otherHost === undefined) return async () => lookAt?.(plainName(operation.to))
  if (operation.kind !== 'restore' || !otherTrashes) return async () => {}
  const { id, to } = operation
  const { repository } = trash.find(id)
  return async () => {
    await otherTrashes.forget(repository, id, to ?? repository)
    lookAt?.(plainName(to ?? repository))
  }
}

function namesOf(
  operation: Operation,
  { trash, isShared }: OperationHoldsServices,
  otherHost: string | undefined,
): string[] {
  // The other host holds the new name itself.
  return changedNames(operation, (id) => trash.find(id), isShared || otherHost !== undefined)
}

/** The host that keeps a new name, where that is another one than the repository's. */
function otherHostOf(
  operation: Operation,
  { isShared }: OperationHoldsServices,
  placement: Placement,
): string | undefined {
  if (isShared || !takesName(operation)) return undefined
  const [from, to] = [placement.primaryOf(operation.repository), placement.primaryOf(operation.to)]
  return from === undefined || from === to ? undefined : to
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
