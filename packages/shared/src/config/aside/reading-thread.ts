import { parentPort, workerData } from 'node:worker_threads'
import type { AsideReader } from './read-aside.ts'

/** The thread that read-aside.ts starts: it sends one piece for each message that it gets. */

export type ThreadData = { readonly module: string; readonly text: string; readonly path: string }

export type ThreadReply<Piece> = { readonly piece: Piece } | { readonly problem: string } | { readonly isOver: true }

const { module, text, path } = workerData as ThreadData
const { reader } = (await import(module)) as { readonly reader: AsideReader<unknown> }
let pieces: Iterator<unknown> | undefined

parentPort?.on('message', () => parentPort?.postMessage(nextReply()))

function nextReply(): ThreadReply<unknown> {
  try {
    pieces ??= reader.pieces(text, path)[Symbol.iterator]()
    const { done, value } = pieces.next()
    return done ? { isOver: true } : { piece: value }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
