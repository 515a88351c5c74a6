import { withoutSteering } from '@sluice/shared/telemetry/log'

/** A slot of which a host was made primary by hand. */
export type ForcedEvent = {
  readonly slot: number
  readonly term: number
  readonly host: string
  /** The hosts whose last pushes may be lost. */
  readonly lost: readonly string[]
  /** What the operator says of who it is. */
  readonly saysToBe: string | undefined
}

/** The line of the audit log. */
export function forcedLine(event: ForcedEvent): string {
  return withoutSteering(JSON.stringify({ time: new Date().toISOString(), event: 'forced', ...event }))
}
