import { laneOf, waits } from '../capacity/admission.ts'
import type { GitCall } from './git-call.ts'
import type { RequestBody } from '../body/request-body.ts'
import type { WorkerHandle } from '../process/worker-handle.ts'

/*
 * The life of a slot. It stands for what a request has at work on this host, and is given back when that is over:
 *
 *   a fetch's   when its worker is gone, whatever its client does then (`endWith`)
 *   a push's    when what it may have left has been removed
 *
 * The function that waits for it holds it by `using`: that gives back a push's, and any whose git was never started.
 */

/** Waits for a slot in the request's lane. @throws {Refusal} `queue_full`, `queue_timeout`, or the exchange's end */
export async function waitForSlot(
  { exchange, host, request, claim, record }: GitCall,
  body: RequestBody | undefined,
): Promise<Disposable> {
  const lane = laneOf(request)
  record.phase = 'queued'
  // While it waits, its body is read on: a client with much unread could leave without being noticed.
  using _ahead = body?.readAhead(host.readAhead)
  using _waits = waits(exchange, host, lane)
  const slot = await host.admission.admit(lane, claim, exchange.signal)
  record.phase = 'starting'
  return slot
}

/** Gives the slot back as soon as the worker is gone. To give it back again is harmless. */
export function endWith(worker: WorkerHandle, slot: Disposable): void {
  void worker.gone.then(() => slot[Symbol.dispose]())
}
