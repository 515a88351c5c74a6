import { outcomes } from '@sluice/shared/refusal/outcomes'
import { reasonGroups } from '@sluice/shared/refusal/reasons'
import type { ReasonRow } from '@sluice/shared/refusal/reasons/reason-row'
import { reference, table } from './markdown.ts'

/** `docs/reference/refusals.md`: how requests can end, and all reasons for which one is not done. */
export function refusalsReference(): string {
  const ofOutcomes = Object.entries(outcomes).map(([outcome, { level, meaning, advice }]) => [
    `\`${outcome}\``,
    meaning,
    level,
    advice,
  ])
  return reference('Outcomes and refusals', 'packages/shared/src/refusal/', [
    'Each request has an outcome, and each refusal has a reason. `outcome` is in the line that each application logs for a request, and in `sluice_requests_total`. `reason` is beside it, in `sluice_refusals_total`, and in the header `Sluice-Reason` of the reply. `requestId` is the `X-Request-Id` of the reply, and is in both logs.',
    'A refused POST of git itself is answered with status 200 and the sentence in git’s own protocol, since git would not show it otherwise. `status` in the log is the one that the refusal stands for. If git itself refuses something, the reply has status 200, too. The line of the host then has what git said in `said`, and the references that it rejected in `rejected`.',
    '## Outcomes',
    table(['outcome', 'what happened', 'level', 'what to do'], ofOutcomes),
    '## Reasons',
    'The client is told the sentence of the reason, or one with more details. git shows it to its user after `remote:`.',
    ...reasonGroups.flatMap(({ title, reasons }) => [`### ${title}`, tableOf(reasons)]),
  ])
}

function tableOf(reasons: Readonly<Record<string, ReasonRow>>): string {
  const rows = Object.entries(reasons).map(([reason, { status, outcome, sentence, advice }]) => [
    `\`${reason}\``,
    String(status),
    `\`${outcome}\``,
    sentence,
    advice,
  ])
  return table(['reason', 'status', 'outcome', 'what the client is told', 'what it means, and what to do'], rows)
}
