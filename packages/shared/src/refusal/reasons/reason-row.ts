export type ReasonRow = {
  /** RFC 9110. */
  readonly status: number
  /** A key of the table in outcomes.ts, which reasons.ts checks. */
  readonly outcome: string
  /** git shows it to its user after `remote:`. */
  readonly sentence: string
  /** What it means to the operator, and what can be done about it. For the reference. */
  readonly advice: string
}
