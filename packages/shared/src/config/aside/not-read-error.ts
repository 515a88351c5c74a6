/** A file could not be read now, for a reason that is not in it. In words, as any error of a file. */
export class NotReadError extends Error {
  override readonly name = 'NotReadError'
}
