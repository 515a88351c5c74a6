/** Node prints a SuppressedError without the errors that it holds. This shows both: what went wrong first comes first. */
export function showSuppressed(): void {
  process.on('uncaughtException', (error) => {
    show(error)
    process.exit(1)
  })
}

function show(error: unknown): void {
  if (!(error instanceof SuppressedError)) {
    console.error(error)
    return
  }
  show(error.suppressed)
  show(error.error)
}
