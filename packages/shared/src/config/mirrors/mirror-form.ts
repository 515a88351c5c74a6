import { z } from 'zod'
import { checked, duration, parseSize } from '../setting/values.ts'
import { whyNoRefPattern } from './ref-selection.ts'
import { parseUpstream } from './upstream.ts'

/** The form of the file that SLUICE_MIRRORS_FILE names, from which deploy/mirrors.schema.json is made. */

const path = z.string().regex(/^\/[^\0\n]*$/, 'here should be an absolute path')

const credentials = z
  .union(
    [
      z.strictObject({ token_file: path, user: z.string().min(1).max(256).optional() }),
      z.strictObject({ user: z.string().min(1).max(256), password_file: path }),
      z.strictObject({
        command: z
          .string()
          .max(4096)
          .regex(/^\/[^\0\n]*$/, 'here should be an absolute path, and arguments'),
      }),
    ],
    'here should be a token_file, or a user and a password_file, or a command',
  )
  .describe(
    'Where the user and the password for the upstream are: in a file with a token, in one with a password, or printed by a command as git’s credential helpers do.',
  )

const rate = checked((value) => parseSize(value) ?? { problem: 'here should be bytes in a second, such as 1KiB' })

const refPattern = z
  .string()
  .max(1024)
  .superRefine((word, context) => {
    const why = whyNoRefPattern(word)
    if (why !== undefined) context.addIssue({ code: 'custom', message: why })
  })

const options = {
  interval: duration(1000).optional().describe('How often the upstream is asked. 10m by default.'),
  refs: z
    .union(
      [refPattern.transform((one) => [one]), z.array(refPattern).min(1).max(100)],
      'here should be heads, tags, all, or patterns such as refs/heads/release/*, with ^ before one to leave references out',
    )
    .optional()
    .describe(
      'Which references: heads, tags, all, or patterns such as refs/heads/release/*; one with ^ before it leaves references out. Branches and tags by default.',
    ),
  refresh: z
    .enum(['interval', 'on-fetch'])
    .optional()
    .describe('on-fetch: a fetch asks the upstream first, if the last look is older than max_age.'),
  max_age: duration(0).optional().describe('For on-fetch: how old the last look may be. 10s by default.'),
  wait: duration(100)
    .optional()
    .describe('For on-fetch: how long a fetch waits for the upstream before it gets what is here. 10s by default.'),
  timeout: duration(1000).optional().describe('How long one run may take in all. 1h by default.'),
  stall: duration(1000).optional().describe('A run that gets less than min_rate for so long is ended. 1m by default.'),
  min_rate: rate
    .optional()
    .describe('Bytes in a second. A run that gets less for as long as stall says is ended. 1B by default.'),
  check_objects: z
    .boolean()
    .optional()
    .describe('Whether objects are checked as those of pushes are. By default as SLUICE_FSCK_OBJECTS says.'),
  ca_file: path
    .optional()
    .describe('Certificates (PEM) that the upstream’s is checked with, in place of the system’s.'),
  proxy: z
    .string()
    .regex(/^(?:https?|socks5h?):\/\/[^\s@/]+\/?$/, 'here should be an address such as http://proxy.example.org:3128')
    .optional()
    .describe('The proxy by which the upstream is reached.'),
  push: z
    .literal(
      'refuse',
      'pushes to a mirror are always refused, in words that name the upstream: nothing is passed on (docs/operate/mirrors.md says why)',
    )
    .optional(),
}

const origin = z
  .string()
  .regex(/^https?:\/\/[^/\s@]+$/, 'here should be the beginning of addresses, such as https://git.example.org')

export const mirrorsForm = z.strictObject({
  defaults: z.strictObject(options).default({}).describe('What holds for each mirror that does not say otherwise.'),
  credentials: z
    .record(origin, credentials)
    .default({})
    .describe('By the beginning of addresses, such as https://git.example.org.'),
  mirrors: z
    .array(
      z.strictObject({
        repository: z.string().min(1).max(4096).describe('The name here, such as vendor/project.'),
        upstream: checked(parseUpstream).describe('http:// or https://, or file:// below SLUICE_MIRROR_LOCAL_FOLDER.'),
        credentials: credentials.optional(),
        ...options,
      }),
    )
    .max(10_000, 'a file may have 10,000 mirrors at most')
    .default([]),
})

export type MirrorsForm = z.infer<typeof mirrorsForm>
export type CredentialsForm = z.infer<typeof credentials>
