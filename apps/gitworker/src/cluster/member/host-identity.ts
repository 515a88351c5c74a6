export type HostIdentity = {
  readonly name: string
  readonly weight: number
  /** Empty: none. */
  readonly zone: string
  readonly version: string
  /** Random, made at each start. */
  readonly run: string
}
