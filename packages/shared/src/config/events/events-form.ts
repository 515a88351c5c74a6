import { isIP } from 'node:net'
import { z } from 'zod'
import { whyNoRepositoryFits } from '../../git/pattern-mistakes.ts'
import { parseNetworks } from '../../network/networks.ts'
import { checked, duration } from '../setting/values.ts'
import { parseReceiverAddress } from './receiver-address.ts'

/** The form of the file that SLUICE_EVENTS_FILE names, from which deploy/events.schema.json is made. */

/** What happens to repositories, and is told. */
export const eventKinds = ['push', 'create', 'rename', 'delete'] as const

export type EventKind = (typeof eventKinds)[number]

const path = z.string().regex(/^\/[^\0\n]*$/, 'here should be an absolute path')

const pattern = z
  .string()
  .min(1)
  .max(1024)
  .superRefine((word, context) => {
    const why = whyNoRepositoryFits(word)
    if (why !== undefined) context.addIssue({ code: 'custom', message: why })
  })

const network = z
  .string()
  .max(64)
  .refine(
    (word) => isIP(word.split('/')[0]!) !== 0 && parseNetworks(word) !== undefined,
    'here should be an address or a network, such as 10.1.2.3 or 10.1.0.0/16',
  )

const receiver = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'here should be a name of small letters, digits, and . _ - between them')
    .describe('What the receiver is called in the log, in metrics and by `sluice events`.'),
  address: checked(parseReceiverAddress).describe(
    'http:// or https://. Never shown whole, since it may have a token in it.',
  ),
  secret_file: path
    .optional()
    .describe('A file with a secret in its first line, by which each request is signed. Read anew for each request.'),
  repositories: z
    .union([pattern.transform((one) => [one]), z.array(pattern).min(1).max(1000)])
    .default(['**'])
    .describe('Patterns of the names of repositories, such as team/**. All by default.'),
  kinds: z
    .array(z.enum(eventKinds))
    .min(1)
    .default([...eventKinds])
    .describe('Which events. All by default.'),
  networks: z
    .array(network)
    .max(100)
    .default([])
    .describe('Addresses of your own network that this receiver may have. By default, none of them is connected to.'),
  timeout: duration(100)
    .optional()
    .describe('How long one request may take, from the look-up of the name to the end of the reply. 10s by default.'),
})

export const eventsForm = z.strictObject({
  receivers: z.array(receiver).max(100, 'a file may have 100 receivers at most').default([]),
})

export type ReceiverForm = z.infer<typeof receiver>
