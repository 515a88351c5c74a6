import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { isGit } from '@sluice/shared/git/in-band-refusal'
import { isReady } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import { clientAddress } from '../client/client-address.ts'
import type { ProxyTrust } from '../client/client-address.ts'

export type AppParts = {
  readonly readiness: () => Promise<Readiness>
  readonly proxyTrust: ProxyTrust
  /** Whether git clients may be sent `102 Processing`. */
  readonly interimReplies: boolean
  /** Answers whatever is not about the gateway itself. Never rejects. */
  readonly answer: (exchange: Exchange) => Promise<void>
}

/** The gateway's routes. Bodies and replies bypass Hono: they go from Node's streams to Node's streams. */
export function createApp({ readiness, proxyTrust, interimReplies, answer }: AppParts) {
  // Not strict: `/healthz/` is `/healthz`.
  const app = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const ready = await readiness()
    return c.json(ready, isReady(ready) ? 200 : 503)
  })
  app.all('*', async (c) => {
    const { incoming, outgoing } = c.env
    // git's libcurl ignores interim replies; libgit2 and others do not.
    const takesInterimReplies = interimReplies && isGit(incoming.headers['user-agent'])
    const options = { clientAddress: clientAddress(incoming, proxyTrust), takesInterimReplies }
    await answer(new Exchange(incoming, outgoing, options))
    return RESPONSE_ALREADY_SENT
  })
  return app
}
