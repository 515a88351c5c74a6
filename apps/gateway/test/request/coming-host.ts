import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pino } from 'pino'
import { trustedPath } from '@sluice/shared/host-protocol/paths'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { readGatewayConfig } from '../../src/config/config.ts'
import { startGateway } from '../../src/start/start.ts'

/** The gateway before a host that the test plays itself, and that comes and goes. At first it is away. */
export async function gatewayBeforeNobody(env: Record<string, string> = {}) {
  await using started = new AsyncDisposableStack()
  const folder = started.use(await temporaryFolder())
  const path = join(folder.path, 'host.sock')
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const config = readGatewayConfig({
    SLUICE_LISTEN: '127.0.0.1:0',
    SLUICE_SUPERVISOR: `unix:${path}`,
    SLUICE_GATEWAY_OPERATIONS: '127.0.0.1:0',
    SLUICE_HOST_WAIT: '2m',
    ...env,
  })
  const gateway = started.use(await startGateway(config, log))
  const { address, operations } = gateway
  if (address.kind !== 'tcp' || operations?.kind !== 'tcp') throw new Error('The gateway listens elsewhere.')
  let host: Server | undefined
  const goes = async () => {
    host?.closeAllConnections()
    host?.close()
    if (host?.listening) await once(host, 'close')
  }
  started.defer(goes)
  const parts = started.move()
  const waiting = async () => {
    const { body } = await ask(`127.0.0.1:${operations.port}`, '/metrics')
    return Number(/^sluice_host_waiting\{.*\} (\d+)$/m.exec(body)?.[1])
  }
  return {
    gateway,
    lines,
    address: `127.0.0.1:${address.port}`,
    connect: () => connect(address.port, '127.0.0.1'),
    waiting,
    held: (count: number) => until(`${count} requests to be held`, async () => (await waiting()) === count),
    /** Answers probes itself. */
    async comes(listener: RequestListener) {
      host = createServer((incoming, outgoing) => {
        if (incoming.url === trustedPath) outgoing.end('ok')
        else listener(incoming, outgoing)
      })
      host.listen(path)
      await once(host, 'listening')
    },
    goes,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
