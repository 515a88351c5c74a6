/** The `code` of a system error, such as `ENOENT`; an empty string for anything else that was thrown. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}
