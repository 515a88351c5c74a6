import { EarlyEnd, startApp, stopApp } from './app.ts'
import type { App, LogLine } from './app.ts'
import type { CutProxy } from './cut-proxy.ts'
import { until } from './until.ts'

/** A host or a gateway of a cluster under test. It may be ended, and started again under its old name and address. */
export type Member = {
  readonly name: string
  /** Its latest process. */
  readonly app: App
  /** Between it and etcd: one for each member of etcd. Empty where the cluster was started without `cuts`. */
  readonly toEtcd: readonly CutProxy[]
  /** Between gateways and a host. Undefined for gateways, and where the cluster was started without `cuts`. */
  readonly toHost: CutProxy | undefined
  /** SIGKILL, and its end. */
  kill(): Promise<void>
  /** SIGSTOP: it does nothing, and nobody is told. */
  pause(): void
  /** SIGCONT */
  resume(): void
  /** SIGTERM, and its end. A host hands its slots over first. */
  stop(): Promise<void>
  start(): Promise<void>
}

export type MemberOptions = {
  readonly kind: 'gateway' | 'supervisor'
  readonly name: string
  readonly env: Record<string, string>
  readonly toEtcd: readonly CutProxy[]
  readonly toHost: CutProxy | undefined
  /** As for `startApp`. */
  readonly within?: readonly string[]
  readonly take?: ((line: LogLine) => void) | undefined
}

/** Starts a member. Disposing stops it, whatever state it is in. */
export async function startMember({
  kind,
  name,
  env,
  toEtcd,
  toHost,
  within,
  take,
}: MemberOptions): Promise<Member & AsyncDisposable> {
  const start = async () => {
    const started = await until(`${name} to start`, () => startApp(kind, env, within, take).catch(unlessLater))
    toHost?.leadTo(started.address)
    return started
  }
  let app = await start()
  return {
    name,
    toEtcd,
    toHost,
    get app() {
      return app
    },
    async kill() {
      app.signal('SIGKILL')
      await app.exited
    },
    pause: () => app.signal('SIGSTOP'),
    resume: () => app.signal('SIGCONT'),
    stop: () => stopApp(app),
    async start() {
      app = await start()
    },
    async [Symbol.asyncDispose]() {
      app.signal('SIGCONT')
      // Hosts that stop together have nobody to hand over to. A second signal says that they need not look for one.
      const hurry = setTimeout(() => app.signal('SIGTERM'), hurryAfterMs)
      await stopApp(app).finally(() => clearTimeout(hurry))
    },
  }
}

/** A second signal counts only some time after the first one. */
const hurryAfterMs = 1500

/** What may succeed later is tried again, as service managers do: etcd may not answer at the moment. */
function unlessLater(error: unknown): undefined {
  if (!(error instanceof EarlyEnd) || error.how !== failedStart) throw error
}

/** The exit code of an application that cannot start now. */
const failedStart = 1
