import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { parseReadOnly, readOnlyBy } from '@sluice/shared/git/read-only'
import type { ReadOnlyTable } from '@sluice/shared/git/read-only'
import { readSmall } from '../access/read-files.ts'
import { FileError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { CanConfig } from './answer.ts'
import type { Question } from './question.ts'

/** What else a push has to pass at the host, as far as these settings tell. */
export async function notesOnPushes(
  { right, repository }: Question,
  { createOnPush, protectedRefs, readOnly }: CanConfig,
): Promise<string[]> {
  const own = protectedRefs.filter((rule) => fitsPattern(rule.repository)(repository))
  return [
    ...(right === 'create' && !createOnPush
      ? ['But SLUICE_CREATE_ON_PUSH is off in these settings: a host with them creates nothing.']
      : []),
    ...(await notesOnReadOnly(repository, readOnly)),
    ...own.map(
      ({ ref, protections }) =>
        `But SLUICE_PROTECTED_REFS protects ${plainText(ref)} there: ${protections.join(', ')}.`,
    ),
  ]
}

async function notesOnReadOnly(repository: string, setting: CanConfig['readOnly']): Promise<string[]> {
  const table = typeof setting === 'string' ? await readOnlyFile(setting) : setting
  const sentence = readOnlyBy(table)([repository])
  if (sentence === undefined) return []
  return [`But SLUICE_READ_ONLY lets nobody push there${sentence === '' ? '.' : `: ${plainText(sentence)}`}`]
}

async function readOnlyFile(path: string): Promise<ReadOnlyTable> {
  const table = parseReadOnly(await readSmall(path))
  if ('problem' in table) throw new FileError(`${path} is not right: ${table.problem}.`)
  return table
}
