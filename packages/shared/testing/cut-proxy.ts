import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { target } from './http.ts'

/*
 * A TCP proxy that can be cut, as a network can: what is under way stands still, new connections are accepted and hear
 * nothing, and nobody is told. Once mended, all of it goes on, as TCP does when packets get through again.
 */

export type CutProxy = AsyncDisposable & {
  /** Where it listens: host:port, on 127.0.0.1. It stays the same. */
  readonly address: string
  readonly isCut: boolean
  /** How many connections have been made through it. */
  readonly connections: number
  /** Leads new connections to this address: host:port. Before the first one, it refuses them. */
  leadTo(address: string): void
  cut(): void
  /**
   * Cuts only what fits, by the first bytes that came through a connection, as latin1. New connections wait for their first
   * bytes.
   */
  cutWhere(fits: (first: string) => boolean): void
  /** Cuts one way only: what members send is held, and what comes back passes. For connections that are there already. */
  cutOutward(): void
  /** Cuts the other way only, as `cutWhere` does: what is sent passes, and what comes back is held. */
  cutInwardWhere(fits: (first: string) => boolean): void
  mend(): void
}

export async function openCutProxy(): Promise<CutProxy> {
  const wires = new Set<Wire>()
  let isCut = false
  let fits = all
  let halt: 'halt' | 'haltInward' = 'halt'
  let connections = 0
  let upstream: string | undefined
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    connections++
    const wire = new Wire(
      socket,
      () => upstream,
      () => wires.delete(wire),
    )
    wires.add(wire)
    if (!isCut || halt === 'haltInward') wire.flow()
    if (isCut && fits !== all) void wire.first().then((first) => isCut && wire[fits(first) ? halt : 'flow']())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const turn = (to: 'halt' | 'haltOutward' | 'flow') => {
    isCut = to !== 'flow'
    fits = all
    halt = 'halt'
    for (const wire of wires) wire[to]()
  }
  const cutWhere = (which: typeof fits, to: typeof halt) => {
    turn('flow')
    isCut = true
    fits = which
    halt = to
    for (const wire of wires) void wire.first().then((first) => isCut && fits === which && which(first) && wire[to]())
  }
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get isCut() {
      return isCut
    },
    get connections() {
      return connections
    },
    leadTo: (address) => void (upstream = address),
    cut: () => turn('halt'),
    cutWhere: (which) => cutWhere(which, 'halt'),
    cutOutward: () => turn('haltOutward'),
    cutInwardWhere: (which) => cutWhere(which, 'haltInward'),
    mend: () => turn('flow'),
    async [Symbol.asyncDispose]() {
      server.close()
      for (const wire of wires) wire.end()
      await once(server, 'close')
    },
  }
}

const all = (_first: string) => true

/** One connection through the proxy. */
class Wire {
  readonly #near: Socket
  readonly #upstream: () => string | undefined
  readonly #ended: () => void
  #far: Socket | undefined
  #isHalted = true
  readonly #first = Promise.withResolvers<string>()
  #hasFirst = false
  readonly #putBack = (chunk: Buffer) => this.#near.pause().unshift(chunk)

  constructor(near: Socket, upstream: () => string | undefined, ended: () => void) {
    this.#near = near
    this.#upstream = upstream
    this.#ended = ended
    near.on('error', () => {})
    near.on('close', () => this.#closed())
    near.once('data', (chunk: Buffer) => {
      this.#hasFirst = true
      this.#first.resolve(chunk.toString('latin1'))
    })
  }

  /** The first bytes from the near side, which have not passed where nothing flows. */
  async first(): Promise<string> {
    if (this.#isHalted && !this.#hasFirst) this.#near.once('data', this.#putBack).resume()
    return await this.#first.promise
  }

  flow(): void {
    this.#isHalted = false
    const far = (this.#far ??= this.#connect())
    if (!far || far.destroyed || this.#near.destroyed) return this.end()
    far.unpipe()
    this.#near.off('data', this.#putBack).unpipe().pipe(far)
    far.pipe(this.#near)
  }

  halt(): void {
    this.#isHalted = true
    this.#near.off('data', this.#putBack)
    for (const socket of [this.#near, this.#far]) socket?.unpipe().pause()
  }

  haltOutward(): void {
    this.#near.unpipe().pause()
  }

  haltInward(): void {
    this.#far?.unpipe().pause()
  }

  end(): void {
    this.#near.destroy()
    this.#far?.destroy()
    this.#ended()
  }

  #connect(): Socket | undefined {
    const address = this.#upstream()
    if (address === undefined) return undefined
    const far = connect({ ...target(address), allowHalfOpen: true })
    far.on('error', () => {})
    far.on('close', () => this.#closed())
    return far
  }

  /** One side is gone. While the wire is cut, the other one does not hear of it. */
  #closed(): void {
    if (!this.#isHalted) this.end()
  }
}
