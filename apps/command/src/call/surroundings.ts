import type { Sink } from '../output/sink.ts'

/** What the command has from the process that it runs in. Tests give it others. */
export type Surroundings = {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
}
