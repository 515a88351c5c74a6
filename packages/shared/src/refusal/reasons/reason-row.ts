export type ReasonRow = {
  /** RFC 9110. */
  readonly status: number
  /** One of those in outcomes.ts, which reasons.ts makes sure of. */
  readonly outcome: string
  /** git shows it to its user after `remote:`. */
  readonly sentence: string
  /** What it means to the operator, and what can be done about it. For the reference. */
  readonly advice: string
}
