import { formatAddress } from '../network/address.ts'
import type { Address } from '../network/address.ts'
import type { Logger } from '../telemetry/log.ts'

/** Says where an application listens: in the log, and to the parent process if that started it with an IPC channel. */
export function announceListening(
  log: Logger,
  app: { readonly address: Address; readonly operations: Address | undefined },
  facts: Readonly<Record<string, string>>,
): void {
  const address = formatAddress(app.address)
  const operations = app.operations && formatAddress(app.operations)
  log.info({ ...facts, operations }, `listening on ${address}`)
  // If the parent is gone, its `disconnect` event ends this process. That this message cannot be sent does not matter.
  process.send?.({ type: 'listening', address, operations }, undefined, undefined, () => {})
}
