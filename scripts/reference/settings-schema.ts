import { formsOf } from '@sluice/shared/config/setting-forms'
import { placeOf } from '@sluice/shared/config/setting-names'
import { settingGroups } from '@sluice/shared/config/settings'
import type { SettingGroup } from '@sluice/shared/config/settings'
import { digits } from '@sluice/shared/config/setting/values'
import type { Setting } from '@sluice/shared/config/setting/setting'

/**
 * `deploy/sluice.schema.json`: the form of a settings file, by which editors complete and check it. It is of draft 7,
 * which they all know.
 */
export function settingsSchema(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Written by npm run docs, from packages/shared/src/config/settings/: change it there.',
    title: 'Settings of Sluice',
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(settingGroups.flatMap(propertyOfGroup)),
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

function propertyOfGroup({ key, title, about, settings }: SettingGroup): [string, unknown][] {
  const own = Object.values(settings).filter(({ onlyInEnvironment }) => !onlyInEnvironment)
  if (own.length === 0) return []
  const properties = Object.fromEntries(own.map((setting) => [placeOf(setting).key, propertyOf(setting)]))
  return [
    [key, { description: `${title}. ${about}`, type: ['object', 'null'], additionalProperties: false, properties }],
  ]
}

function propertyOf(setting: Setting<unknown>) {
  const { takes, purpose, fallback, fallbackRule, isList } = setting
  const anyOf = [
    ...textsOf(setting),
    ...(isList ? [{ type: 'array', items: { type: 'string' } }] : []),
    { type: 'null' },
  ]
  const standard = fallbackRule ?? fallback
  return {
    description: `${purpose}\nTakes ${takes}.`,
    ...(standard === undefined ? {} : { default: standard }),
    anyOf,
  }
}

function textsOf(setting: Setting<unknown>): object[] {
  const { words, numbers, texts } = formsOf(setting)
  const booleans = [...(words.includes('on') ? [true] : []), ...(words.includes('off') ? [false] : [])]
  return [
    ...(words.length > 0 ? [{ enum: [...words, ...booleans] }] : []),
    ...(numbers
      ? [
          { type: 'integer', minimum: numbers.least, maximum: numbers.most },
          { type: 'string', pattern: digits.source },
        ]
      : []),
    ...texts.map((pattern) => (pattern === undefined ? { type: 'string' } : { type: 'string', pattern })),
  ]
}
