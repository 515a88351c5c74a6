import { randomFillSync } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/**
 * Where a request stands in a trace that goes through several servers: W3C Trace Context, version 00
 * (https://www.w3.org/TR/trace-context-1/). The sections named below are those of that document.
 */
export type TraceContext = {
  /** 32 hexadecimal digits in lower case, not all zero; the same for everything that one request sets off. */
  readonly traceId: string
  /** 16 such digits: one step of the trace. */
  readonly spanId: string
  /** The one flag that version 00 knows (section 3.2.2.5.1): whether this trace may have been recorded so far. */
  readonly sampled: boolean
  /** The `tracestate` header as it came, for other tracing systems along the way. */
  readonly state: string | undefined
}

/**
 * Sections 3.2.2 and 3.2.4: version, trace id, parent id, flags. Version ff is forbidden, and so are ids of only zeros.
 */
const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/
const lengthOfVersion00 = 55

/**
 * Sections 3.3.1.3 and 3.3.1.5: 512 printable characters must be passed on. A part of a longer header would be of no
 * use.
 */
const tracestate = /^[\x20-\x7e]{1,512}$/

const sampledFlag = 1

/**
 * The context that a request came with. Without a valid `traceparent` there is none, whatever `tracestate` says (4.3).
 */
export function receivedContext(headers: IncomingHttpHeaders): TraceContext | undefined {
  const parent = headers['traceparent']
  if (typeof parent !== 'string') return undefined
  const [, version, traceId, spanId, flags] = traceparent.exec(parent) ?? []
  if (!traceId || !spanId || !flags) return undefined
  // A later version may have added more, which is not for us to read.
  if (version === '00' && parent.length > lengthOfVersion00) return undefined
  const state = headers['tracestate']
  return {
    traceId,
    spanId,
    sampled: (Number.parseInt(flags, 16) & sampledFlag) !== 0,
    state: typeof state === 'string' && tracestate.test(state) ? state : undefined,
  }
}

/**
 * The first step of a new trace (4.2). It is sampled although nothing may be recorded here: a server further on follows
 * the flag, and would otherwise never record what reaches it through this one.
 */
export function rootContext(): TraceContext {
  return { traceId: randomHex(16), spanId: randomHex(8), sampled: true, state: undefined }
}

/** The next step of the same trace (3.4). */
export function childOf(parent: TraceContext): TraceContext {
  return { ...parent, spanId: randomHex(8) }
}

/** The headers to send on, so that the receiver's steps become children of this one. */
export function headersOf({ traceId, spanId, sampled, state }: TraceContext): Record<string, string> {
  const headers: Record<string, string> = { traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` }
  if (state !== undefined) headers['tracestate'] = state
  return headers
}

/** Random bytes, drawn in advance: a few bytes cost the system as much as some thousands. */
const pool = Buffer.allocUnsafe(4096)
let used = pool.length

/** The format forbids ids of only zeros. The chance of one is 1 in 2^64. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
