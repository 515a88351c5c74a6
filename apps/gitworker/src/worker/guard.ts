import type { GitCommand } from '../git/command.ts'
import type { FromWorker, Graces, ToWorker } from '../process/worker-message.ts'
import { tearDown } from '../process/teardown.ts'
import type { Runtime } from './runtime.ts'

/*
 * The life of a worker, seen from inside. It is the leader of its session and process group. git inherits its standard
 * streams. The supervisor holds their other ends, and that of the message channel.
 *
 *   waiting ──serve──▶ serving ──git exited, nothing left──▶ exit
 *      │                  │ stop, or the channel is lost, or git exited and left something
 *      │                  └──▶ ending: see teardown.ts ──▶ exit
 *      └── stop, or the channel is lost ──▶ exit
 *
 * A worker exits only when nothing of its request lives. As long as it lives, its pid is not used again, so that the group
 * with this number is its own.
 *
 * Every request pays for every millisecond here, so little is loaded at the start.
 */

export function guard(runtime: Runtime): void {
  let graces: Graces | undefined
  let gitRuns = false
  let ending = false

  // SIGTERM to the group is meant for git. The worker stays, to reap and to report.
  process.on('SIGTERM', () => {})
  process.on('disconnect', () => stop())
  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') stop(message.term)
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
    if (ending) return
    if (!runtime.hasLeftovers()) process.exit()
    say({ type: 'leftovers', processes: runtime.leftovers() })
    await end({ ...itsGraces, term: 0 })
  }

  function stop(term = graces?.term ?? 0): void {
    if (!graces) process.exit()
    if (!ending) void end({ ...graces, term })
  }

  async function end(itsGraces: Graces): Promise<void> {
    ending = true
    await tearDown(
      {
        isEmpty: () => !gitRuns && !runtime.hasLeftovers(),
        terminate: () => runtime.terminate(),
        kill: () => runtime.kill(),
        beforeSignal: (signal) => say({ type: 'signalling', signal }),
      },
      itsGraces,
    )
    process.exit()
  }
}

/** Messages fit into the channel's buffer, so that each has been sent when this returns. */
function say(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}
