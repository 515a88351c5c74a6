import { LoopTurn } from './loop-turn.ts'

/** Work that is done in small steps, so that others may have the event loop between two of them. */
export type Steps<T> = Generator<void, T>

/** Does it in one go: for commands, which have nobody waiting. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Does it a few milliseconds at a time. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  const turn = new LoopTurn()
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await turn.letOthers()
  }
}
