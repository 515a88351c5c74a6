/** What is told was not done. `isOver`: whoever has told it is not the primary any more. */
export class NotFollowedError extends Error {
  override readonly name = 'NotFollowedError'
  readonly isOver: boolean

  constructor(message: string, isOver: boolean) {
    super(message)
    this.isOver = isOver
  }
}
