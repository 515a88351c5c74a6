import { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import { parseReadOnly, readOnlyBy } from '@sluice/shared/git/read-only'
import type { ReadOnlyTable } from '@sluice/shared/git/read-only'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { ReadOnlyRules } from './read-only.ts'

const setting = 'SLUICE_READ_ONLY'

/**
 * Reads which repositories are read-only. A file is read again when it changes; if it breaks, what was read before stays
 * in force.
 *
 * @param config `readOnly` is the table, or the absolute path of the file
 * @throws {ConfigError} where a file is not right at the start
 */
export async function openReadOnlyRules(
  { readOnly }: { readonly readOnly: string | ReadOnlyTable },
  log: Logger,
): Promise<ReadOnlyRules & Disposable> {
  if (typeof readOnly !== 'string') return { ...rulesOf(readOnly), [Symbol.dispose]() {} }
  const file = await ReloadedFile.open(setting, {
    paths: [readOnly],
    parse: ([text = '']) => {
      const table = parseReadOnly(text)
      if ('problem' in table) throw new Error(`${readOnly}: ${table.problem}`)
      return rulesOf(table)
    },
    onChange: () => log.info({ path: readOnly }, `${setting} was read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; what was read before stays in force`),
  })
  return {
    sentenceFor: (names) => file.current.sentenceFor(names),
    get isEmpty() {
      return file.current.isEmpty
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  }
}

function rulesOf(table: ReadOnlyTable): ReadOnlyRules {
  return { sentenceFor: readOnlyBy(table), isEmpty: table.length === 0 }
}
