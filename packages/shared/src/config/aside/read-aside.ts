import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AwakeDeadline } from '../../machine/awake-deadline.ts'
import { LoopTurn } from '../../machine/loop-turn.ts'
import { NotReadError } from './not-read-error.ts'
import type { ThreadData, ThreadReply } from './reading-thread.ts'

/*
 * YAML takes a millisecond and more for each kilobyte, and the library that reads it cannot stop in between. So a file of
 * some size is read in a thread of its own, and comes piece by piece: a piece is asked for when the one before it has been
 * dealt with.
 *
 *   short ─────────────────────────────▶ read here
 *   long ──▶ thread ──piece, piece …──▶ over
 *               └── wrong, too slow, too much memory, not wanted any more ──▶ an Error in words
 */

/** What reads a text, here or in a thread. A module that has one exports it as `reader`. */
export type AsideReader<Piece> = {
  /** `import.meta.url` of its module. */
  readonly module: string
  /** Pieces can be cloned (no functions in them), and each is small. @throws {Error} in words */
  readonly pieces: (text: string, path: string) => Iterable<Piece>
}

/** To start a thread costs more than to read so many characters. */
const shortLength = 4096

/** How long a thread has for one piece, in milliseconds. */
const longestMs = 60_000

/** A file of some MiB takes less. */
const memoryLimits = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 64 }

/**
 * Reads a text that an operator has written, while requests are served.
 *
 * @param path for messages
 * @param signal ends the reading
 * @throws {Error} in words; {NotReadError} where no thread can be started; the signal's reason
 */
export async function* readAside<Piece>(
  reader: AsideReader<Piece>,
  text: string,
  path: string,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<Piece, void> {
  const turn = new LoopTurn()
  const pieces = text.length <= shortLength ? reader.pieces(text, path) : piecesOfThread(reader, text, path, signal)
  for await (const piece of pieces) {
    yield piece
    await turn.letOthers()
    signal.throwIfAborted()
  }
}

async function* piecesOfThread<Piece>(
  { module }: AsideReader<Piece>,
  text: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Piece, void> {
  const thread = startThread({ module, text, path })
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  using deadline = new AwakeDeadline(longestMs, () =>
    ending.abort(new Error(`${path}: to read it takes more than a minute`)),
  )
  try {
    thread.postMessage('next')
    for await (const [reply] of on(thread, 'message', { signal: either }) as AsyncIterable<[ThreadReply<Piece>]>) {
      if ('problem' in reply) throw new Error(reply.problem)
      if ('isOver' in reply) return
      yield reply.piece
      deadline.restart()
      thread.postMessage('next')
    }
  } catch (error) {
    throw either.aborted ? either.reason : inWords(error, path)
  } finally {
    await thread.terminate()
  }
}

function startThread(workerData: ThreadData): Worker {
  const program = new URL('reading-thread.ts', import.meta.url)
  try {
    // Nothing that this process was started with is for the thread.
    return new Worker(program, { workerData, execArgv: [], resourceLimits: memoryLimits })
  } catch (cause) {
    throw new NotReadError(`${workerData.path}: no thread can be started to read it`, { cause })
  }
}

function inWords(error: unknown, path: string): unknown {
  const isOutOfMemory = (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
  return isOutOfMemory ? new Error(`${path}: to read it takes too much memory; make it smaller`) : error
}
