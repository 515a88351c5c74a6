import type { FromWorker, GitCommand, Graces, ToWorker } from '@sluice/shared/worker-message'
import type { Runtime } from './runtime.ts'

/*
 * The life of a worker, seen from inside. It leads its session and process group; the supervisor holds the other ends
 * of its standard streams, which git inherits, and of its message channel.
 *
 *   waiting ──serve──▶ serving ──git exited──▶ clearing ──nothing left──▶ exit
 *      │                  │ stop, or the channel is lost: SIGTERM after one grace, SIGKILL after another
 *      └──────────────────┴── stop, or the channel is lost, while waiting: exit
 *
 * In `clearing`, what git left behind (a hook's background process, say) is ended the same way. A worker exits only when
 * nothing of its request lives; as long as it lives, its pid cannot be reused, so its group's id cannot be a stranger's.
 *
 * Every millisecond here is paid by every request: this file imports types only, and `main.*.ts` little else.
 */

/** How often a worker that waits for leftovers to end looks for them. */
const lookEveryMs = 10

export function guard(runtime: Runtime): void {
  let graces: Graces | undefined
  let stopping = false
  let gitRuns = false

  // The group's SIGTERM is for git: the worker stays to reap and to report.
  process.on('SIGTERM', () => {})
  process.on('disconnect', stop)
  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') stop()
    else void serve(message.command, message.graces)
  })
  say({ type: 'ready' })

  async function serve(command: GitCommand, itsGraces: Graces): Promise<void> {
    graces = itsGraces
    gitRuns = true
    try {
      say({ type: 'exited', ...(await runtime.run(command)) })
    } catch (error) {
      say({ type: 'not_started', error: error instanceof Error ? error.message : String(error) })
    }
    gitRuns = false
    if (runtime.hasLeftovers()) await clear(itsGraces)
    process.exit()
  }

  function stop(): void {
    if (stopping) return
    stopping = true
    if (!graces) process.exit()
    void endGit(graces)
  }

  /** Asks, then forces; `clear` sees to what remains after git's own exit. */
  async function endGit({ term, kill }: Graces): Promise<void> {
    await after(term)
    if (gitRuns) runtime.terminate()
    await after(kill)
    if (gitRuns) runtime.kill()
  }

  async function clear({ kill }: Graces): Promise<void> {
    say({ type: 'leftovers' })
    runtime.terminate()
    const deadline = performance.now() + kill
    while (runtime.hasLeftovers()) {
      if (performance.now() > deadline) runtime.kill()
      await after(lookEveryMs)
    }
  }
}

/** Messages are small enough for the channel's buffer, so that each is out when this returns. */
function say(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
