import type { IncomingMessage, ServerResponse } from 'node:http'
import { http2StreamOf } from '../../http/http2-stream.ts'
import { Http1Transport } from './http1.ts'
import { Http2Transport } from './http2.ts'
import type { Transport } from './transport.ts'

/** The one place that asks by which version of HTTP a request came. */
export function transportOf(incoming: IncomingMessage, outgoing: ServerResponse): Transport {
  const stream = http2StreamOf(outgoing)
  return stream ? new Http2Transport(stream, outgoing) : new Http1Transport(incoming, outgoing)
}
