import { z } from 'zod'
import { mirrorsForm } from '@sluice/shared/config/mirrors/mirror-form'

/** `deploy/mirrors.schema.json`: the form of the file of mirrors, by which editors complete and check it. */
export function mirrorsSchema(): string {
  const { $schema: _, ...form } = z.toJSONSchema(mirrorsForm, { target: 'draft-7', io: 'input' })
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Written by npm run docs, from packages/shared/src/config/mirrors/mirror-form.ts: change it there.',
    title: 'Mirrors of Sluice',
    ...form,
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
