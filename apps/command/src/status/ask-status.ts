import type { HostStatus } from '@sluice/gitworker/operations/host-status'
import { errnoOf } from '@sluice/shared/machine/errno'
import { formatAddress, parseAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { bodyOf } from '../ask/body-of.ts'
import { CommandError, UsageError } from '../output/failure.ts'

const withinMs = 4000
/** A hundred requests and fifty failures have far less. */
const mostBytes = 4 * 2 ** 20

/** Where `sluice start` serves its operators, if that port is free. */
const ofQuickStart: Address = { kind: 'tcp', host: '127.0.0.1', port: 8081 }

/** @param named the address that the call names */
export function addressFor(named: string | undefined, configured: Address | undefined): Address {
  if (named === undefined) return configured ?? ofQuickStart
  const address = parseAddress(named)
  if (!address) throw new UsageError(`${JSON.stringify(named)} is no address: write host:port, or unix:/path.`)
  return address
}

/** @throws {CommandError} in words, where the supervisor does not answer */
export async function askStatus(address: Address): Promise<HostStatus> {
  const where = formatAddress(address)
  const { status, body } = await bodyOf(address, { path: '/-/status.json', withinMs, mostBytes }).catch(
    (error: unknown): never => {
      const why = words[errnoOf(error)] ?? (error instanceof Error ? error.message : String(error))
      const todo =
        'Start the supervisor with SLUICE_SUPERVISOR_OPERATIONS, and set that variable here, too (or --address)'
      throw new CommandError(`No supervisor answers on ${where}: ${why}. ${todo}.`)
    },
  )
  const found = status === 200 ? parsed(body) : undefined
  if (found) return found
  const todo = 'SLUICE_SUPERVISOR_OPERATIONS (or --address) is to name the private address of a supervisor'
  throw new CommandError(`What answers on ${where} is no supervisor of this version (status ${status}). ${todo}.`)
}

function parsed(body: string): HostStatus | undefined {
  try {
    const found = JSON.parse(body) as Partial<HostStatus>
    return Array.isArray(found.lanes) && Array.isArray(found.requests) ? (found as HostStatus) : undefined
  } catch {
    return undefined
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'there is no such socket',
  EACCES: 'this user may not connect',
  ABORT_ERR: 'there was no answer in time',
}
