import { refuse } from './account.ts'
import type { AnswerCapture } from './answer-capture.ts'
import type { GitCall } from './git-call.ts'
import { noteVerdict, watchReply } from './git-reply.ts'
import { concludeRun, noteStart, startGit } from './git-run.ts'
import { relay } from './relay.ts'
import { tellReason } from './reply-trailer.ts'
import type { RequestBody } from './request-body.ts'
import { checkServiceIsOn } from './service-switch.ts'
import { endWith, waitForSlot } from './slot.ts'
import type { WorkerHandle } from './worker-handle.ts'

/**
 * Has a git of its own answer a request that changes nothing: a fetch that no cache shares, or references that none knows.
 *
 * @param capture is asked right before git is started for what is to keep the answer
 * @throws {Refusal} whatever stands in the way of starting git
 */
export async function serveFetch(
  call: GitCall,
  gitDir: string,
  body: RequestBody | undefined,
  capture: () => AnswerCapture | undefined = () => undefined,
): Promise<void> {
  const { exchange, host, request, account } = call
  using slot = await waitForSlot(call, body)
  await checkServiceIsOn(host, gitDir, request, exchange.signal)
  const answer = capture()
  await using run = await startGit(host, request, gitDir, exchange)
  endWith(run.worker, slot)
  noteStart(run.worker, exchange, account)
  await passOn(call, body, run.worker, answer)
  account.phase = 'ending'
  await concludeRun(run.worker, account)
}

/** Sends the client what git writes, and ends the reply as git has ended. */
async function passOn(
  { exchange, request, visit, account }: GitCall,
  body: RequestBody | undefined,
  worker: WorkerHandle,
  answer: AnswerCapture | undefined,
): Promise<void> {
  const reply = watchReply(request)
  const onOutput = (chunk: Buffer) => {
    answer?.take(chunk)
    return reply.take(chunk)
  }
  try {
    const report = await relay(exchange, request, body, worker, onOutput)
    const verdict = await reply.verdict(report, () => worker.lastWords())
    if (verdict) {
      noteVerdict(account, verdict)
      tellReason(exchange, verdict.refusal)
    } else answer?.store()
    await visit.leave()
    await exchange.finish()
  } catch (error) {
    // Answered before the worker is waited for: its teardown may take as long as its graces.
    await refuse(exchange, account, error)
  }
}
