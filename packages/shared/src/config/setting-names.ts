import type { Setting } from './setting/setting.ts'
import { settingGroups } from './settings.ts'

/*
 * One rule leads from a variable to its place in a settings file: without SLUICE_, in lower case, under its group.
 * SLUICE_TLS_KEY is `tls_key` under `tls`.
 */

/** Where a setting stands in a settings file. */
export type Place = {
  readonly group: string
  readonly key: string
  readonly setting: Setting<unknown>
  /** Whether this is the place of a name that the setting no longer has. */
  readonly isFormer: boolean
}

/** Every setting that a file may have, by its key. No key is in two groups. */
export const places: ReadonlyMap<string, Place> = new Map(
  settingGroups.flatMap(({ key: group, settings }) =>
    Object.values<Setting<unknown>>(settings)
      .filter(({ onlyInEnvironment }) => !onlyInEnvironment)
      .flatMap((setting) => {
        const { name, formerly } = setting
        const place = { group, key: keyOf(name), setting, isFormer: false }
        const former = formerly && { group, key: keyOf(formerly), setting, isFormer: true }
        return [place, ...(former ? [former] : [])].map((one) => [one.key, one] as const)
      }),
  ),
)

/** Where a setting stands under its present name. Only for settings that a file may have. */
export function placeOf({ name }: Setting<unknown>): Place {
  return places.get(keyOf(name))!
}

/** The groups that a file may have. */
export const groupNames: readonly string[] = [...new Set([...places.values()].map(({ group }) => group))]

/** The key of a variable: `tls_key` for SLUICE_TLS_KEY. */
export function keyOf(variable: string): string {
  return variable.replace(/^SLUICE_/, '').toLowerCase()
}

/** As a person would say where a setting stands: `tls.tls_key`. */
export function dotted({ group, key }: Pick<Place, 'group' | 'key'>): string {
  return `${group}.${key}`
}
