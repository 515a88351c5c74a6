/** Where text goes. A terminal has a width, and gets colours. */
export type Sink = {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}
