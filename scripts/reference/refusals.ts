import { reasons } from '@sluice/shared/refusal/reasons'
import { reference, table } from './markdown.ts'

/** `docs/reference/refusals.md`: all reasons for which a request is not done. */
export function refusalsReference(): string {
  const rows = Object.entries(reasons).map(([reason, { status, outcome, sentence, advice }]) => [
    `\`${reason}\``,
    String(status),
    `\`${outcome}\``,
    sentence,
    advice,
  ])
  return reference('Refusals', 'packages/shared/src/refusal/reasons.ts', [
    'Each refusal has a reason: a stable code in the header `Sluice-Reason`, in the `reason` of both logs and in `sluice_refusals_total`. The sentence is what the client is told, where it does not get one with more details. git shows it to its user after `remote:`.',
    'A refused POST of git itself is answered with status 200 and the sentence in git’s own protocol, since git would not show it otherwise. The log then has the status that the reply stands for.',
    table(['reason', 'status', 'outcome', 'what the client is told', 'what it means, and what to do'], rows),
  ])
}
