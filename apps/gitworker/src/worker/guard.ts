import { errnoOf } from '@sluice/shared/errno'
import type { FromWorker, GitCommand, Graces, ToWorker } from '@sluice/shared/worker-message'
import type { GitExit, Runtime } from './runtime.ts'
import { StderrTail } from './stderr-tail.ts'

/*
 * The life of a worker, seen from inside. It leads its session and process group; the supervisor holds the other ends
 * of its standard input and output, which git inherits, and of its message channel.
 *
 *   waiting ──serve──▶ serving ──git exited──▶ clearing ──nothing left──▶ exit
 *      │                  │ stop, or the channel is lost: SIGTERM after one grace, SIGKILL after another
 *      └──────────────────┴── stop, or the channel is lost, while waiting: exit
 *
 * In `clearing`, what git left behind (a hook's background process, say) is ended the same way. A worker exits only when
 * nothing of its request lives; as long as it lives, its pid cannot be reused, so its group's id cannot be a stranger's.
 */

/** How often a worker that waits for leftovers to end looks for them. */
const lookEveryMs = 10

/** How long git's last words may take to arrive after its exit; something that git left may hold the pipe open. */
const lastWordsMs = 200

export function guard(runtime: Runtime): void {
  let graces: Graces | undefined
  let stopping = false
  let gitRuns = false

  // The group's SIGTERM and a terminal's Ctrl-C are for git: the worker stays to reap and to report.
  process.on('SIGTERM', () => {})
  process.on('SIGINT', () => {})
  process.on('disconnect', () => stop())
  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') stop()
    else void serve(message.command, message.graces)
  })
  void say({ type: 'ready' })

  async function serve(command: GitCommand, itsGraces: Graces): Promise<void> {
    graces = itsGraces
    gitRuns = true
    const tail = new StderrTail()
    let exit: GitExit
    try {
      const git = runtime.start(command)
      const read = tail.read(git.stderr)
      exit = await git.exited
      if (exit.code !== 0) await Promise.race([read, after(lastWordsMs)])
    } catch (error) {
      await say({ type: 'not_started', error: errnoOf(error) || String(error) })
      process.exit()
    }
    gitRuns = false
    await say({ type: 'exited', ...exit, stderr: exit.code === 0 ? '' : tail.text() })
    await clear(itsGraces)
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
    if (!runtime.hasLeftovers()) return
    await say({ type: 'leftovers' })
    runtime.terminate()
    const deadline = performance.now() + kill
    while (runtime.hasLeftovers()) {
      if (performance.now() > deadline) runtime.kill()
      await after(lookEveryMs)
    }
  }
}

/** Resolves when the message is on its way, or cannot be sent because the supervisor is gone. */
function say(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send || !process.connected) resolve()
    else process.send(message, undefined, undefined, () => resolve())
  })
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
