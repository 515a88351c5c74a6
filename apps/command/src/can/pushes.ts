import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { plainText } from '../output/plain-text.ts'
import type { CanConfig } from './answer.ts'
import type { Question } from './question.ts'

/** What else a push has to pass, at the host. */
export function notesOnPushes({ right, repository }: Question, { createOnPush, protectedRefs }: CanConfig): string[] {
  const own = protectedRefs.filter((rule) => fitsPattern(rule.repository)(repository))
  return [
    ...(right === 'create' && !createOnPush
      ? ['But SLUICE_CREATE_ON_PUSH is off in these settings: a host with them creates nothing.']
      : []),
    ...own.map(
      ({ ref, protections }) =>
        `But SLUICE_PROTECTED_REFS protects ${plainText(ref)} there: ${protections.join(', ')}.`,
    ),
  ]
}
