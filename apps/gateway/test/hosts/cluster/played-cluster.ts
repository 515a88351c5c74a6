import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { trustedPath } from '@sluice/shared/host-protocol/paths'
import { writeHostRecord } from '@sluice/shared/placement/host-record'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { readGatewayConfig } from '../../../src/config/config.ts'
import { startGateway } from '../../../src/start/start.ts'

export const keys = clusterKeys('/sluice/')

export type Kept = { primary?: string | undefined; inSync?: readonly string[]; next?: string | undefined }

/** A gateway before hosts that the test plays itself, with a coordinator in this process. */
export async function playedCluster(env: Record<string, string> = {}, isAwayAtFirst = false) {
  await using started = new AsyncDisposableStack()
  const store = new KeyStore()
  // What the test changes, and what the gateway sees.
  const writer = started.use(new InProcessCoordinator(store))
  const coordinator = new InProcessCoordinator(store)
  coordinator.isAway = isAwayAtFirst
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const config = readGatewayConfig({
    SLUICE_LISTEN: '127.0.0.1:0',
    SLUICE_CLUSTER: 'etcd',
    SLUICE_ETCD: 'http://127.0.0.1:1',
    SLUICE_GATEWAY_OPERATIONS: '127.0.0.1:0',
    SLUICE_HOST_WAIT: '2m',
    ...env,
  })
  const gateway = started.use(await startGateway(config, log, async () => coordinator))
  const { address, operations } = gateway
  if (address.kind !== 'tcp' || operations?.kind !== 'tcp') throw new Error('The gateway listens elsewhere.')
  const hosts = new Map<string, PlayedHost>()
  started.defer(() => hosts.forEach((host) => host.stop()))
  const parts = started.move()
  const at = `127.0.0.1:${address.port}`
  const put = (key: string, value: string | undefined) => writer.swap([{ key, expected: undefined, value }])
  const metric = async (name: string) => {
    const { body } = await ask(`127.0.0.1:${operations.port}`, '/metrics')
    return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(body)?.[1])
  }
  return {
    address: at,
    operations: `127.0.0.1:${operations.port}`,
    gateway,
    coordinator,
    store,
    lines,
    put,
    /** A host that lives, and answers with its name unless told otherwise. */
    async host(name: string, listener?: RequestListener, isListed = true): Promise<PlayedHost> {
      const host = new PlayedHost(name, listener)
      await host.listen()
      hosts.set(name, host)
      if (isListed) await this.list(host)
      return host
    },
    list: (host: PlayedHost, isLeaving = false) => put(keys.host(host.name), recordOf(host.address, isLeaving)),
    unlist: (host: PlayedHost) => put(keys.host(host.name), undefined),
    /** The slot of a repository is kept by these hosts. */
    async keep(repository: string, kept: Kept): Promise<number> {
      const { revision } = await put(keys.slot(slotOf(repository)), slotValue(kept))
      return revision
    },
    async keepAll(kept: (slot: number) => Kept): Promise<void> {
      const swaps = Array.from({ length: slotCount }, (_, slot) => ({
        key: keys.slot(slot),
        expected: undefined,
        value: slotValue(kept(slot)),
      }))
      while (swaps.length > 0) await writer.swap(swaps.splice(0, 128))
    },
    held: (count: number) =>
      until(`${count} requests to be held`, async () => (await metric('sluice_host_waiting')) === count),
    fetch: (repository: string, headers: Record<string, string> = {}) =>
      ask(at, `/${repository}/info/refs?service=git-upload-pack`, { headers }),
    push: (repository: string, body: string | Buffer = 'commands') =>
      ask(at, `/${repository}/git-receive-pack`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
        body,
      }),
    ready: async () => {
      const { status, body } = await ask(at, '/readyz')
      return { status, checks: (JSON.parse(body) as { checks: Record<string, string> }).checks }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

export function slotValue({ primary, inSync = primary === undefined ? [] : [primary], next }: Kept): string {
  return writeSlotRecord({ primary, copies: inSync, inSync, next, term: undefined })
}

export function recordOf(address: string, isLeaving = false): string {
  return writeHostRecord({ address, version: '1.0.0', weight: 100, zone: '', run: 'a', isLeaving })
}

/** A host that is no more than a server. */
export class PlayedHost {
  readonly name: string
  readonly requests: IncomingMessage[] = []
  answer: RequestListener
  /** Until a probe is answered; where it rejects, the connection is cut. */
  trusted: () => Promise<void> = async () => {}
  #server: Server | undefined
  #port = 0

  constructor(name: string, answer?: RequestListener) {
    this.name = name
    this.answer = answer ?? ((incoming, outgoing) => void incoming.resume().on('end', () => outgoing.end(name)))
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async listen(): Promise<void> {
    const server = createServer((incoming, outgoing) => {
      if (incoming.url === trustedPath) {
        void this.trusted().then(
          () => outgoing.end('ok'),
          () => outgoing.destroy(),
        )
        return
      }
      incoming.on('error', () => {})
      this.requests.push(incoming)
      this.answer(incoming, outgoing)
    })
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  stop(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }
}

/** As a host that does not keep the slot. */
export const misplaced: RequestListener = misplacedTelling()

/** @param told in the header by which hosts tell who keeps the slot */
export function misplacedTelling(told?: string): RequestListener {
  return (_, outgoing) => {
    if (told !== undefined) outgoing.setHeader('Sluice-Slot', told)
    outgoing.writeHead(421, { 'Sluice-Reason': 'misplaced', 'Sluice-Not-Begun': 'yes', 'Connection': 'close' })
    outgoing.end('elsewhere\n')
  }
}

export function failing(reason: string, status = 503): RequestListener {
  return (incoming, outgoing) => {
    incoming.resume()
    outgoing.writeHead(status, { 'Sluice-Reason': reason })
    outgoing.end(`${reason}\n`)
  }
}
