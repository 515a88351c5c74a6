import type { Running } from '@sluice/shared/app/running'
import type { Connections } from '@sluice/shared/connections/connections'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { isLfs, parseRemoteRequest } from '@sluice/shared/lfs/remote-request'
import type { PushReport } from '@sluice/shared/git/push-report'
import { checkHostName, checkSite, isFollowedLink } from '@sluice/shared/http/other-sites'
import type { SiteOptions } from '@sluice/shared/http/other-sites'
import { checkSingleHeaders } from '@sluice/shared/http/single-headers'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { outcomeOf } from '@sluice/shared/refusal/reasons'
import type { Ending, Recorder } from '@sluice/shared/telemetry/recorder'
import type { Span } from '@sluice/shared/telemetry/tracing'
import { answerAside } from '../aside/answer.ts'
import type { AsideOptions } from '../aside/answer.ts'
import { asideOf } from '../aside/route.ts'
import { limitIdleness } from './idleness.ts'
import { newRecord } from './request-record.ts'
import type { RequestRecord } from './request-record.ts'
import { serveGit } from './serve-git.ts'
import type { GitParts } from './serve-git.ts'
import { serveLfs } from './serve-lfs.ts'

const maxUserAgentLength = 128

export type AnswerParts = {
  readonly running: Running
  readonly recorder: Recorder
  readonly connections: Connections
  readonly sites: SiteOptions
  readonly asides: AsideOptions
  readonly git: GitParts
}

/** Answers one request and records it once. Returns when the reply is out, or the connection is gone. */
export async function answer(exchange: Exchange, parts: AnswerParts): Promise<void> {
  using _ = parts.running.enter(exchange)
  const record = newRecord()
  const recording = parts.recorder.begin(exchange, () => record.request)
  limitIdleness(exchange, parts.git, record)
  let result: Result
  try {
    const reason = await dispatch(exchange, record, recording.span, parts)
    result = { outcome: outcomeOf(reason), reason, cause: undefined }
  } catch (error) {
    const refusal = Refusal.from(error)
    await exchange.refuse(refusal, record.request)
    result = resultOf(refusal, record.report)
  }
  recording.end({
    ...result,
    waitedForHostMs: record.waitedForHostMs,
    attempts: record.attempts,
    ...record.login,
    userAgent: exchange.incoming.headers['user-agent']?.slice(0, maxUserAgentLength),
  })
}

type Result = Pick<Ending, 'outcome' | 'reason' | 'cause'>

/**
 * @returns the reason, where the reply is a refusal
 * @throws {Refusal} where the client still has to be told, or its connection cut
 */
async function dispatch(
  exchange: Exchange,
  record: RequestRecord,
  span: Span,
  { connections, sites, asides, git }: AnswerParts,
): Promise<string | undefined> {
  const { incoming } = exchange
  connections.check(exchange)
  checkSingleHeaders(incoming)
  checkHostName(incoming, sites)
  const aside = asideOf(incoming)
  if (aside) return await answerAside(exchange, aside, asides)
  const request = (record.request = parseRemoteRequest(incoming))
  const isDownload = request.kind === 'archive' && isFollowedLink(incoming)
  if (!isDownload) checkSite(incoming, sites)
  if (isLfs(request)) return await serveLfs(exchange, request, span, record, { ...git, origin: asides.origin })
  return await serveGit(exchange, request, span, record, git)
}

/**
 * Some clients close the connection as soon as they have the whole report of their push. That is no failure: the report
 * says what became of the push.
 */
function resultOf(refusal: Refusal, report: PushReport | undefined): Result {
  const { outcome, reason: why, cause } = refusal
  if (why !== 'client_gone' || !report?.isWhole) return { outcome, reason: why, cause }
  const reason = report.isGood ? undefined : 'push_rejected'
  return { outcome: outcomeOf(reason), reason, cause: undefined }
}
