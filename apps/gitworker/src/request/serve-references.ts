import type { Question } from '../cache/references/answers.ts'
import type { GitCall } from './git-call.ts'
import { begin } from '../reply/relay.ts'
import type { RequestBody } from '../body/request-body.ts'
import { serveFetch } from './serve-fetch.ts'

/**
 * Answers an advertisement or `ls-refs`: from the cache where git would say the same again, or else by git, whose answer the
 * cache may keep.
 *
 * @param question as the cache knows it; undefined where the cache is switched off
 */
export async function serveReferences(
  call: GitCall,
  gitDir: string,
  body: RequestBody | undefined,
  question: Question | undefined,
): Promise<void> {
  const { answers } = call.host
  const known = question && answers?.lookUp(question)
  if (known) return await answerKnown(call, known)
  await serveFetch(call, { key: undefined, gitDir, body, question })
}

/** The service was on when git gave this answer, and so it is still. */
async function answerKnown({ exchange, request, record }: GitCall, bytes: Buffer): Promise<void> {
  record.cache = 'references'
  begin(exchange, request, bytes.length)
  exchange.outgoing.write(bytes)
  exchange.sent(bytes.length)
  await exchange.finish()
}
