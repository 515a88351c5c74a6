import { relative } from 'node:path'
import { settingGroups } from '@sluice/shared/config/settings'
import type { Screen } from '../output/report.ts'
import { cut, table } from '../output/table.ts'
import type { InForce, Settings } from './in-force.ts'

/** On a terminal, a longer value is cut. */
const mostValueColumns = 44

/** The settings as a table with a part for each group, and what is wrong with them. */
export function settingsText({ settings, problems }: Settings, screen: Screen): string {
  const columns = [{ title: 'setting' }, { title: 'value' }, { title: 'from' }, { title: 'read by' }]
  const { paint } = screen
  const rows = settingGroups.flatMap(({ key, title }) => {
    const own = settings.filter(({ group }) => group === key)
    return own.length === 0 ? [] : [[], [paint('bold', title)], ...own.map((one) => rowOf(one, screen))]
  })
  const all = rows.length > 0 ? table(columns, rows, screen) : 'Every setting has its default.'
  const wrong = problems.map((problem) => `${paint('red', 'wrong:')} ${problem}`)
  return [all, ...(wrong.length > 0 ? ['', ...wrong] : [])].join('\n')
}

function rowOf(setting: InForce, { columns, paint }: Screen): string[] {
  const value = cut(setting.value ?? '', columns === undefined ? undefined : mostValueColumns)
  const from = originOf(setting)
  const row = [`  ${setting.name}`, setting.isChanged ? paint('cyan', value) : value, from, setting.readBy.join(', ')]
  return setting.isChanged ? row : row.map((cell, index) => (index < 2 ? cell : paint('dim', cell)))
}

function originOf({ from, name, variable, file, line }: InForce): string {
  if (from === 'file') return `${shorter(file!)}:${line}`
  if (from === 'environment') return variable === name ? 'environment' : `environment (${variable})`
  return 'default'
}

/** The path from here, where that is shorter. */
function shorter(path: string): string {
  const fromHere = relative('.', path)
  return fromHere.length < path.length && !fromHere.startsWith('..') ? fromHere : path
}
