import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Address } from '@sluice/shared/address'
import { formatAddress } from '@sluice/shared/address'
import { listen } from '@sluice/shared/listen'
import type { Logger } from '@sluice/shared/log'
import { Running } from '@sluice/shared/running'
import { createApp } from './app.ts'
import { connectHost, isReachable, singleHost } from './choose-host.ts'
import type { GatewayConfig } from './config.ts'

export type Gateway = AsyncDisposable & {
  readonly server: Server
  readonly address: Address
  readonly running: Running
}

/** @throws where the address is taken */
export async function startGateway(config: GatewayConfig, log: Logger): Promise<Gateway> {
  const host = connectHost(formatAddress(config.supervisor), config.supervisor)
  const running = new Running()
  const app = createApp({ chooseHost: singleHost(host), isHostReachable: () => isReachable(host), running, log })
  const server = createAdaptorServer({
    fetch: app.fetch,
    // The exchange sees to what is left of a request's body.
    autoCleanupIncoming: false,
    overrideGlobalObjects: false,
    // 300 s by default, which ends slow pushes.
    serverOptions: { requestTimeout: 0 },
  }) as Server
  // The exchange sends 100 Continue itself, when the body is about to be read.
  server.on('checkContinue', (incoming, outgoing) => server.emit('request', incoming, outgoing))
  const address = await listen(server, config.listen)
  return { server, address, running, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
}
