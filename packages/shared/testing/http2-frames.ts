import { once } from 'node:events'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { target } from './http.ts'

/**
 * HTTP/2 by the frame (RFC 9113 section 4.1), for what Node's own client does not do: it ends a request's body before it
 * cancels the request, and always reads.
 */

const types = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7, window: 8 } as const

export type Frame = {
  readonly type: number
  readonly isLast: boolean
  readonly stream: number
  readonly payload: Buffer
}

export type FrameClient = Disposable & {
  readonly socket: TLSSocket
  readonly received: Frame[]
  /**
   * Begins a request on a stream with an odd number. Names and values have less than 127 bytes.
   *
   * @param again headers that come twice
   */
  request(
    stream: number,
    headers: Record<string, string>,
    options?: { isLast?: boolean; again?: Record<string, string> },
  ): void
  data(stream: number, body: string): void
  /** RST_STREAM with CANCEL. */
  cancel(stream: number): void
}

/** Connects, and says that replies of any size may be sent. */
export async function connectFrames(address: string): Promise<FrameClient> {
  const socket = connect({ ...target(address), rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  const received: Frame[] = []
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      const [type = 0, flags = 0] = rest.subarray(3)
      const isLast = (type === types.data || type === types.headers) && (flags & 1) === 1
      received.push({ type, isLast, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) })
      rest = rest.subarray(end)
    }
  })
  await once(socket, 'secureConnect')
  const send = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.set([type, flags], 3)
    head.writeUInt32BE(stream, 5)
    socket.write(Buffer.concat([head, payload]))
  }
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  send(types.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]))
  send(types.window, 0, 0, Buffer.from([0x7f, 0, 0, 0]))
  return {
    socket,
    received,
    request(stream, headers, { isLast = true, again = {} } = {}) {
      const all = { ':method': 'GET', ':scheme': 'https', ':authority': 'localhost', ...headers }
      const fields = [...Object.entries(all), ...Object.entries(again)]
      send(types.headers, isLast ? 5 : 4, stream, Buffer.concat(fields.map(literal)))
    },
    data: (stream, body) => send(types.data, 0, stream, Buffer.from(body)),
    cancel: (stream) => send(types.reset, 0, stream, Buffer.from([0, 0, 0, 8])),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** RFC 7541 section 6.2.2: a field that is not indexed, with a new name. */
function literal([name, value]: [string, string]): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])
}

/** The code of the RST_STREAM that ended a stream; undefined where there was none. */
export function resetCodeOf({ received }: FrameClient, stream: number): number | undefined {
  return received.find((frame) => frame.type === types.reset && frame.stream === stream)?.payload.readUInt32BE(0)
}
