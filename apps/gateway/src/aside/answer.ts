import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Reason } from '@sluice/shared/refusal/reasons'
import { answerPreflight } from '../client/cross-origin.ts'
import type { CorsOrigins } from '../client/cross-origin.ts'
import type { OriginOptions } from '../client/original-request.ts'
import { answerArchive } from './archive.ts'
import { answerPage } from './page.ts'
import { answerGoImport } from './go-import.ts'
import type { RepositoryParts } from './go-import.ts'
import type { Aside } from './route.ts'

export type AsideOptions = {
  readonly corsOrigins: CorsOrigins
  readonly origin: OriginOptions
  readonly goRepositoryParts: RepositoryParts
}

/**
 * Answers a request that is not git's smart HTTP.
 *
 * @returns the reason, where the reply says that something is not offered
 * @throws {Refusal} where the client has not been told anything yet
 */
export async function answerAside(
  exchange: Exchange,
  aside: Aside,
  options: AsideOptions,
): Promise<Reason | undefined> {
  switch (aside.kind) {
    case 'preflight':
      return await answerPreflight(exchange, options.corsOrigins)
    case 'archive':
      return await answerArchive(exchange)
    case 'go-import':
      return await answerGoImport(exchange, aside.path, options)
    case 'page':
      return await answerPage(exchange, aside.path, options)
    default:
      return aside satisfies never
  }
}
