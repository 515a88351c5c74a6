import type { Operation, Progress } from './operation.ts'

/** Where an operation works. */
export type HeldPlace = {
  /** The host whose disk is to have the new name, where that is another one than the repository's. */
  readonly otherHost: string | undefined
  /** @throws {Refusal} `term_over` where this host may not be the one that keeps the repository any more */
  readonly checkIsOurs: () => Promise<void>
  /** Resolves when all copies have what was done. @throws {Refusal} `term_over` where that cannot be known */
  readonly confirm: (progress: Progress) => Promise<void>
}

/** Where there is one host only, and in tests. */
export const onThisHost: HeldPlace = { otherHost: undefined, checkIsOurs: async () => {}, confirm: async () => {} }

/** What an operation is about is kept on this host until it is disposed of. */
export type HeldOperation = HeldPlace &
  Disposable & {
    /** To be called before anything is changed. Resolves when nothing else that this host has begun in its cluster changes it. */
    begin(): Promise<void>
    /** To be called when all copies have what was done: other hosts tidy up what it has left there. */
    done(): Promise<void>
  }

/** @throws {Refusal} where another host has it */
export type HoldOperation = (operation: Operation) => HeldOperation
