import { open } from 'node:fs/promises'
import type { Socket } from 'node:net'

/** As git sends it: packets of remote-curl have at most 65,520 bytes. */
const chunkBytes = 65_520
const chunksAtOnce = 16
const chunkHead = `${chunkBytes.toString(16)}\r\n`
const frameBytes = chunkHead.length + chunkBytes + 2

/** Sends a file as the chunked body of a request. Its bytes are read into gaps between prepared chunk heads. */
export async function sendChunkedFile(socket: Socket, path: string): Promise<void> {
  await using file = await open(path)
  const { size } = await file.stat()
  const blocks = [blockOfChunks(), blockOfChunks()]
  let written = Promise.resolve()
  for (let at = 0, turn = 0; at < size && !socket.destroyed; turn++) {
    const { bytes, gaps } = blocks[turn % blocks.length]!
    // The other block is still being sent.
    const { bytesRead } = await file.readv(gaps, at)
    if (bytesRead === 0) throw new Error(`${path} has become shorter.`)
    await written
    written = write(socket, bytesRead === chunksAtOnce * chunkBytes ? bytes : oneChunk(gaps, bytesRead))
    at += bytesRead
  }
  await written
  socket.write('0\r\n\r\n')
}

function blockOfChunks(): { bytes: Buffer; gaps: Buffer[] } {
  const bytes = Buffer.alloc(frameBytes * chunksAtOnce)
  const gaps = Array.from({ length: chunksAtOnce }, (_, index) => {
    const start = index * frameBytes + bytes.write(chunkHead, index * frameBytes)
    bytes.write('\r\n', start + chunkBytes)
    return bytes.subarray(start, start + chunkBytes)
  })
  return { bytes, gaps }
}

/** The last chunks, which do not fill a block. */
function oneChunk(gaps: readonly Buffer[], count: number): Buffer {
  const head = Buffer.from(`${count.toString(16)}\r\n`)
  return Buffer.concat([head, Buffer.concat(gaps, count), Buffer.from('\r\n')])
}

/** Resolves when the system has the bytes, or the connection is gone. The reader of the reply learns why. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve)
    socket.write(bytes, () => {
      socket.off('close', resolve)
      resolve()
    })
  })
}
