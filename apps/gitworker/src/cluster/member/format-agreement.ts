import { ConfigError } from '@sluice/shared/config/config-error'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { readFormat } from '@sluice/shared/placement/format'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import type { Logger } from '@sluice/shared/telemetry/log'
import { parseJson } from '@sluice/shared/placement/slot-record'

/**
 * Makes sure that this host means the same by the keys of its cluster as the others. The first host writes what that is.
 *
 * @param log is told of another number of copies; undefined: this host has no opinion about it
 * @returns what the cluster has: its number of copies may be another one than this host's own
 * @throws {ConfigError} where the cluster has another version, another number of slots, or another kind of storage
 * @throws {CoordinatorError}
 */
export async function agreeOnFormat(
  coordinator: Coordinator,
  keys: ClusterKeys,
  own: ClusterFormat,
  log: Logger | undefined,
): Promise<ClusterFormat> {
  const value = JSON.stringify(own)
  const { isDone } = await coordinator.swap([{ key: keys.format, expected: 0, value }])
  if (isDone) return own
  const { entries } = await coordinator.read(keys.format)
  const found = entries.find(({ key }) => key === keys.format)
  // It was deleted in between. Whoever does that begins again.
  if (!found) return await agreeOnFormat(coordinator, keys, own, log)
  const format = checkFormat(keys.format, found.value, own)
  if (format.copies !== own.copies) log?.warn({ copies: format.copies }, otherCopies(keys.format, own, format))
  return format
}

/** @throws {ConfigError} where this host does not mean the same as the one that wrote the value */
export function checkFormat(key: string, value: string, own: ClusterFormat): ClusterFormat {
  const format = readFormat(value)
  if (!format) throw new ConfigError([unknownFormat(key, value, own)])
  if (format.storage === own.storage) return format
  throw new ConfigError([
    `SLUICE_STORAGE=${own.storage}: this cluster was begun with SLUICE_STORAGE=${format.storage} (${key} in etcd). ` +
      'All its hosts need the same. For another cluster, choose another SLUICE_ETCD_PREFIX.',
  ])
}

/** @param key of the format */
function otherCopies(key: string, own: ClusterFormat, format: ClusterFormat): string {
  const wanted = JSON.stringify({ ...format, copies: own.copies })
  return (
    `SLUICE_COPIES=${own.copies}: this cluster was begun with ${format.copies}, and that counts. ` +
    `Set SLUICE_COPIES=${format.copies} here, or change it for all hosts while they run: etcdctl put ${key} '${wanted}'`
  )
}

function unknownFormat(key: string, value: string, own: ClusterFormat): string {
  const { version, slots } = (parseJson(value) ?? {}) as Partial<Record<keyof ClusterFormat, unknown>>
  if (typeof version === 'number' && version !== own.version) {
    const advice = version > own.version ? 'Upgrade this host' : 'Upgrade the other hosts first'
    return `${key} in etcd says that this cluster has format ${version}. This host knows format ${own.version} only. ${advice}, or choose another SLUICE_ETCD_PREFIX.`
  }
  if (typeof slots === 'number' && slots !== own.slots) {
    return `${key} in etcd says that this cluster has ${slots} slots. This host knows ${own.slots} only. Choose another SLUICE_ETCD_PREFIX.`
  }
  return `${key} in etcd is not from Sluice: ${JSON.stringify(value.slice(0, 100))}. Choose another SLUICE_ETCD_PREFIX.`
}
