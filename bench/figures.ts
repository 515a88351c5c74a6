/** A line of the table. */
export type Row = { readonly what: string; readonly figure: string; readonly target: string }
