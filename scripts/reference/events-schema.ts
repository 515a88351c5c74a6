import { z } from 'zod'
import { eventsForm } from '@sluice/shared/config/events/events-form'

/** `deploy/events.schema.json`: the form of the file of receivers, by which editors complete and check it. */
export function eventsSchema(): string {
  const { $schema: _, ...form } = z.toJSONSchema(eventsForm, { target: 'draft-7', io: 'input' })
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: 'Written by npm run docs, from packages/shared/src/config/events/events-form.ts: change it there.',
    title: 'Receivers of the events of Sluice',
    ...form,
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
