const mistakes = [TypeError, RangeError, ReferenceError, SyntaxError]
const mostCauses = 5

/**
 * Why something has failed, for a line of the log: in words where that happens without a fault of the program, such as a host
 * that does not answer. A mistake of the program comes with its stack.
 */
export function whyOf(error: unknown): { readonly why: string } | { readonly err: unknown } {
  const isMistake = !(error instanceof Error) || mistakes.some((kind) => error instanceof kind)
  return isMistake ? { err: error } : { why: inWords(error) }
}

function inWords({ message, cause }: Error, causes = mostCauses): string {
  return cause instanceof Error && causes > 0 ? `${message}: ${inWords(cause, causes - 1)}` : message
}
