import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { RepositoryRights } from '@sluice/access/rights'
import type { Config } from '@sluice/shared/config/read-config'
import { settings } from '@sluice/shared/config/settings'
import { readSettings } from '../call/settings.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { UsageError } from '../output/failure.ts'
import { plainText } from '../output/plain-text.ts'
import type { Report } from '../output/report.ts'
import { explainByFiles } from './by-files.ts'
import { explainBySignedToken } from './by-signed-token.ts'
import { notesOnPushes } from './pushes.ts'
import { questionIn } from './question.ts'
import type { CanOptions, Question } from './question.ts'

/** What somebody may do, and why: sentences, of which the first says most. */
export type Explained = RepositoryRights & {
  /** For people: `ann`, `anyone`, `the holder of the token k3v9x2mq`. */
  readonly who: string
  readonly because: readonly string[]
  /** For programs, beside the sentences. */
  readonly details: Readonly<Record<string, unknown>>
}

export async function can(
  at: Surroundings,
  command: CommandUnknownOpts,
  words: readonly string[],
  options: CanOptions,
): Promise<Report> {
  const question = questionIn(words, options)
  const config = await readSettings(used, at, command)
  const explained = await modes[config.access](question, options, config, at)
  const may = isEnough(explained, question.right)
  const notes = may && question.right !== 'read' ? await notesOnPushes(question, config) : []
  const { who, because, details, rights, mayCreate } = explained
  const { right, repository } = question
  return {
    document: { may, right, repository, access: config.access, rights, mayCreate, because, notes, ...details },
    exitCode: may ? 0 : 1,
    text: ({ paint }) => {
      const verdict = may ? paint('green', 'yes:') : paint('red', 'no:')
      const answer = `${verdict} ${who} may ${may ? '' : 'not '}${inWords[right]} ${plainText(repository)}.`
      return [answer, ...[...because, ...notes].map((line) => `  ${line}`)].join('\n')
    },
  }
}

const {
  access,
  passwordFile,
  accessFile,
  tokenFile,
  jwtKeys,
  jwtIssuer,
  jwtAudience,
  jwtAlgorithms,
  jwtClockSkew,
  accessService,
  createOnPush,
  protectedRefs,
  readOnly,
} = settings
const used = {
  access,
  passwordFile,
  accessFile,
  tokenFile,
  jwtKeys,
  jwtIssuer,
  jwtAudience,
  jwtAlgorithms,
  jwtClockSkew,
  accessService,
  createOnPush,
  protectedRefs,
  readOnly,
}

export type CanConfig = Config<typeof used>

const inWords = { read: 'read', write: 'push to', create: 'create' } as const

function isEnough({ rights, mayCreate }: RepositoryRights, right: Question['right']): boolean {
  if (right === 'read') return rights !== 'none'
  return rights === 'write' && (right === 'write' || mayCreate)
}

type Explain = (question: Question, options: CanOptions, config: CanConfig, at: Surroundings) => Promise<Explained>

const modes: Record<CanConfig['access'], Explain> = {
  open: async ({ user }) => ({
    who: plainText(user ?? 'anyone'),
    rights: 'write',
    mayCreate: true,
    because: ['SLUICE_ACCESS is open: everybody who reaches the gateway may do everything.'],
    details: {},
  }),
  file: explainByFiles,
  jwt: explainBySignedToken,
  forward: async (_question, _options, config) => {
    throw new UsageError(
      `SLUICE_ACCESS is forward: your own service decides (${config.accessService ?? 'SLUICE_ACCESS_SERVICE, which is not set'}), and only it can say why.`,
    )
  },
}
