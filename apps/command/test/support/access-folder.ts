import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '@sluice/shared/testing/folder'

/** Settings of SLUICE_ACCESS=file, with the files in a folder of their own. */
export type AccessFolder = AsyncDisposable & {
  readonly env: Record<string, string>
  readonly passwords: string
  readonly rules: string
  readonly tokens: string
}

export const exampleRules = `groups:
  team: [ann, ben]
rules:
  - repositories: team/**
    read: users
    write: '@team'
    create: ann
  - repositories: '**'
    read: anyone
    write: eve
`

export async function accessFolder(rulesText = exampleRules): Promise<AccessFolder> {
  const folder = await temporaryFolder()
  const [passwords, rules, tokens] = ['htpasswd', 'access.yaml', 'tokens'].map((name) => join(folder.path, name))
  await writeFile(rules!, rulesText)
  const env = {
    SLUICE_ACCESS: 'file',
    SLUICE_PASSWORD_FILE: passwords!,
    SLUICE_ACCESS_FILE: rules!,
    SLUICE_TOKEN_FILE: tokens!,
  }
  return {
    env,
    passwords: passwords!,
    rules: rules!,
    tokens: tokens!,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** The line of a user with the form of a hash, which no password fits. */
export function userLine(name: string): string {
  return `${name}:$2b$04$${'a'.repeat(53)}\n`
}
