import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { Container, podman, tryPodman } from './podman.ts'

/**
 * What "docker compose up" makes of a file, for the keys that ours have. Debian's podman-compose passes over some of them,
 * such as limits of processes and fixed addresses. Any other key is a mistake.
 */

const service = z.strictObject({
  image: z.string(),
  build: z.unknown().optional(),
  command: z.array(z.string()).default([]),
  restart: z.string().default('no'),
  read_only: z.boolean().default(false),
  tmpfs: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  stop_grace_period: z.string().default('10s'),
  pids_limit: z.int().optional(),
  mem_limit: z.string().optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z
    .union([
      z.array(z.string()).transform((names) => Object.fromEntries(names.map((name) => [name, {}]))),
      z.record(z.string(), z.strictObject({ ipv4_address: z.string().optional() })),
    ])
    .default({ default: {} }),
  depends_on: z.array(z.string()).default([]),
})
type Service = z.infer<typeof service>

const network = z.strictObject({
  ipam: z.strictObject({
    config: z.tuple([z.strictObject({ subnet: z.string(), ip_range: z.string().optional() })]),
  }),
})

const file = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), network).default({}),
  volumes: z.record(z.string(), z.null()).default({}),
})

/** The containers of a file, from up to down. */
export class Composition implements AsyncDisposable {
  readonly #path: string
  readonly #services: Readonly<Record<string, Service>>
  readonly #owned = new AsyncDisposableStack()

  private constructor(path: string, services: Readonly<Record<string, Service>>) {
    this.#path = path
    this.#services = services
  }

  static async up(path: string): Promise<Composition> {
    const { services, networks, volumes } = file.parse(
      parseDocument(await readFile(path, 'utf8'), { merge: true }).toJS(),
    )
    const composition = new Composition(path, services)
    await using owned = new AsyncDisposableStack()
    owned.use(composition)
    const used = new Set(Object.values(services).flatMap((one) => Object.keys(one.networks)))
    for (const name of used) await composition.#network(name, networks[name]?.ipam.config[0])
    for (const name of Object.keys(volumes)) await composition.#volume(name)
    for (const name of inOrder(services)) await composition.start(name)
    owned.move()
    return composition
  }

  container(name: string): Container {
    return new Container(name)
  }

  /** Makes the container of a service, and starts it. */
  async start(name: string): Promise<void> {
    const one = this.#services[name]!
    const [[net, { ipv4_address: address }]] = Object.entries(one.networks) as [[string, { ipv4_address?: string }]]
    const options = [
      `--name=${name}`,
      `--network=test-${net}${address === undefined ? '' : `:ip=${address}`}`,
      `--network-alias=${name}`,
      `--restart=${one.restart}`,
      `--read-only=${one.read_only}`,
      '--read-only-tmpfs=false',
      ...one.tmpfs.map((path) => `--tmpfs=${path}`),
      `--stop-timeout=${parseInt(one.stop_grace_period, 10)}`,
      ...(one.pids_limit === undefined ? [] : [`--pids-limit=${one.pids_limit}`]),
      ...(one.mem_limit === undefined ? [] : [`--memory=${one.mem_limit}`]),
      ...one.cap_drop.map((capability) => `--cap-drop=${capability}`),
      ...one.security_opt.map((option) => `--security-opt=${option.replace(/:true$/, '')}`),
      ...one.ports.map((port) => `--publish=${port}`),
      ...one.volumes.map(
        (mount) => `--volume=${mount.replace(/^\.[^:]*/, (from) => resolve(dirname(this.#path), from))}`,
      ),
      ...Object.entries(one.environment).map(([key, value]) => `--env=${key}=${value}`),
    ]
    this.#owned.use(new Container(name))
    await podman('run', '--detach', ...options, one.image, ...one.command)
  }

  async #network(name: string, config?: { subnet: string; ip_range?: string | undefined }): Promise<void> {
    const { subnet, ip_range: range } = config ?? {}
    const options = [...(subnet ? [`--subnet=${subnet}`] : []), ...(range ? [`--ip-range=${range}`] : [])]
    await podman('network', 'create', ...options, `test-${name}`)
    this.#owned.defer(async () => void (await tryPodman('network', 'rm', '--force', `test-${name}`)))
  }

  async #volume(name: string): Promise<void> {
    await podman('volume', 'create', name)
    this.#owned.defer(async () => void (await tryPodman('volume', 'rm', '--force', name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}

/** Each service after those that it depends on. */
function inOrder(services: Readonly<Record<string, Service>>): string[] {
  const order = new Set<string>()
  const add = (name: string) => {
    for (const other of services[name]!.depends_on) add(other)
    order.add(name)
  }
  for (const name of Object.keys(services)) add(name)
  return [...order]
}
