import { frame, ProtocolError } from './frames.ts'
import type { Frame } from './frames.ts'

export type FromLauncher =
  /** It has compiled, and takes orders. */
  | { readonly type: 'launching' }
  /** `pid` is below zero where it failed: errno. */
  | { readonly type: 'forked'; readonly id: number; readonly pid: number }
  /** `result` is 1 where it was reaped, 0 where it has not ended, and below zero errno. */
  | { readonly type: 'reaped'; readonly pid: number; readonly result: number }

/** How many bytes a worker's word has: it proves that whoever connects is that worker. */
export const wordSize = 16

/**
 * @param id comes back with the answer
 * @param group the number of the control group to be born in, or 0
 */
export function forkOrder(id: number, group: number, word: Buffer): Buffer {
  const body = Buffer.alloc(8 + wordSize)
  body.writeUInt32LE(id)
  body.writeUInt32LE(group, 4)
  word.copy(body, 8)
  return frame('F', body)
}

export function reapOrder(pid: number): Buffer {
  const body = Buffer.alloc(4)
  body.writeInt32LE(pid)
  return frame('R', body)
}

/** @throws {ProtocolError} */
export function parseFromLauncher({ type, body }: Frame): FromLauncher {
  switch (`${type} ${body.length}`) {
    case 'L 0':
      return { type: 'launching' }
    case 'f 8':
      return { type: 'forked', id: body.readUInt32LE(0), pid: body.readInt32LE(4) }
    case 'r 8':
      return { type: 'reaped', pid: body.readInt32LE(0), result: body.readInt32LE(4) }
    default:
      throw new ProtocolError(`The launcher sent ${body.length} bytes of type ${JSON.stringify(type)}.`)
  }
}
