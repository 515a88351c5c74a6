import { fitsPattern } from '../../git/name-pattern.ts'
import { Networks } from '../../network/networks.ts'
import { readAside } from '../aside/read-aside.ts'
import type { AsideReader } from '../aside/read-aside.ts'
import { readYamlForm } from '../form/yaml-form.ts'
import { eventsForm } from './events-form.ts'
import type { EventKind, ReceiverForm } from './events-form.ts'
import type { ReceiverAddress } from './receiver-address.ts'

/** Somebody who is told of events, as the file has it. */
export type Receiver = {
  readonly name: string
  readonly address: ReceiverAddress
  readonly secretFile: string | undefined
  /** @param repositories its plain names: of a renamed one, both */
  readonly wants: (kind: EventKind, repositories: readonly string[]) => boolean
  /** The addresses of the operator's own network that it may have. */
  readonly networks: Networks
  /** Milliseconds for one request. */
  readonly timeout: number
}

/**
 * Reads a file of receivers (YAML, or JSON) while requests are served.
 *
 * @param path for messages
 * @param signal ends the reading
 * @returns the receivers in the order of the file
 * @throws {Error} in words, with the line
 */
export async function readEventsFile(text: string, path: string, signal?: AbortSignal): Promise<Receiver[]> {
  const receivers: Receiver[] = []
  for await (const plain of readAside(reader, text, path, signal)) receivers.push(receiverOf(plain))
  return receivers
}

/** Reads it into its receivers. */
export const reader: AsideReader<ReceiverForm> = { module: import.meta.url, pieces: plainReceivers }

function plainReceivers(text: string, path: string): ReceiverForm[] {
  const { data, at } = readYamlForm(text, path, eventsForm)
  const seen = new Map<string, number>()
  for (const [index, { name }] of data.receivers.entries()) {
    const other = seen.get(name)
    if (other !== undefined) {
      const why = `receivers.${other} has the name ${JSON.stringify(name)} already`
      throw new Error(`${path}: receivers.${index}: ${why} ${at(['receivers', index])}`)
    }
    seen.set(name, index)
  }
  return data.receivers
}

function receiverOf({ name, address, secret_file, repositories, kinds, networks, timeout }: ReceiverForm): Receiver {
  const fits = repositories.map(fitsPattern)
  const wanted = new Set<EventKind>(kinds)
  return {
    name,
    address,
    secretFile: secret_file,
    wants: (kind, names) => wanted.has(kind) && names.some((plain) => fits.some((one) => one(plain))),
    networks: networksOf(networks),
    timeout: timeout ?? 10_000,
  }
}

function networksOf(words: readonly string[]): Networks {
  const networks = new Networks(false)
  for (const word of words) {
    const [address = '', prefix] = word.split('/')
    networks.add(address, prefix === undefined ? undefined : Number(prefix))
  }
  return networks
}
