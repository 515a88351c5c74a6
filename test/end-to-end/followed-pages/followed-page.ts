import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/*
 * A page of docs/ whose commands are run as they stand there. A section's blocks of the language `sh` run in one shell, in
 * their order. Only what differs from machine to machine is replaced: paths, addresses, and the programs that need a
 * service manager or other users.
 */

const project = fileURLToPath(new URL('../../../', import.meta.url))

export type FollowedPage = {
  /** Where a user's git keeps its settings, and the programs that stand in for others write what they were asked. */
  readonly home: string
  /** Runs all commands of the section under a heading. @returns what they wrote. @throws with that, if one fails */
  follow(heading: string): Promise<string>
  /** The commands in the rows of a section's table, each in backticks at a row's end. */
  tableOf(heading: string): string[]
  /** The text of the section's first block in a language. */
  block(heading: string, language: string): string
  /** What systemctl was asked to do, in order. */
  services(): Promise<string[]>
  /** @throws if commands of the page have not been run */
  hasBeenFollowed(): void
}

/**
 * @param page below docs/operate/
 * @param folder of the test; for what stands in
 * @param replacements texts of the page, and what this machine has for them
 * @param homes of the users that commands run as
 */
export async function followPage(
  page: string,
  folder: string,
  replacements: Readonly<Record<string, string>>,
  homes: Readonly<Record<string, string>> = {},
): Promise<FollowedPage> {
  const text = await readFile(join(project, 'docs/operate', page), 'utf8')
  const sections = new Map(sectionsOf(text))
  const home = join(folder, 'home')
  const programs = join(folder, 'programs')
  await makeStandIns(programs, home, homes)
  const remaining = new Set([...sections].filter(([, body]) => blocksOf(body, 'sh').length > 0).map(([name]) => name))
  const here = (script: string) =>
    [...Object.entries(replacements), ['/opt/sluice/', project] as const]
      .toSorted(([one], [other]) => other.length - one.length)
      .reduce((replaced, [from, to]) => replaced.replaceAll(from, to), script)
  const run = (script: string) =>
    runShell(here(script), folder, { HOME: home, PATH: `${programs}:${process.env['PATH']}` })
  const section = (heading: string) => {
    const body = sections.get(heading)
    assert.ok(body !== undefined, `${page} has no section ${heading}`)
    return body
  }
  return {
    home,
    async follow(heading) {
      remaining.delete(heading)
      return await run(blocksOf(section(heading), 'sh').join('\n'))
    },
    tableOf: (heading) => [...section(heading).matchAll(/^\|.*\| `([^`]*)`[^|]*\|$/gm)].map(([, command]) => command!),
    block: (heading, language) => here(blocksOf(section(heading), language)[0]!),
    services: async () => (await readFile(join(home, 'systemctl'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    hasBeenFollowed: () => assert.deepEqual([...remaining], [], `${page}: commands that the test has not run`),
  }
}

function sectionsOf(text: string): [string, string][] {
  const blocks: string[] = []
  // A line in a block may begin with #, as a heading does.
  const bare = text.replace(/^```[\s\S]*?^```$/gm, (block) => `@block ${blocks.push(block) - 1}@`)
  return bare.split(/^#+ (?=.)/m).map((part) => {
    const [heading = '', ...lines] = part.split('\n')
    return [heading, lines.join('\n').replace(/@block (\d+)@/g, (_, index: string) => blocks[Number(index)]!)]
  })
}

function blocksOf(section: string, language: string): string[] {
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code]) => code!)
}

/** Users and services that the test does not have: sudo and systemctl. */
async function makeStandIns(programs: string, home: string, homes: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(programs, { recursive: true })
  await mkdir(home, { recursive: true })
  const cases = Object.entries(homes).map(([user, path]) => `  ${user}) HOME='${path}' ;;`)
  const standIns = {
    systemctl: `echo "$*" >>'${join(home, 'systemctl')}'`,
    // sudo -u USER [-H] COMMAND
    sudo: `user=$2; shift 2\n[ "$1" != -H ] || shift\ncase $user in\n${cases.join('\n')}\n*) ;;\nesac\nexport HOME\nexec "$@"`,
  }
  await symlink(join(project, 'apps/command/bin/sluice'), join(programs, 'sluice'))
  for (const [name, script] of Object.entries(standIns)) {
    await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(programs, name), 0o755)
  }
}

async function runShell(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {
    cwd,
    env: { LANG: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, `${script}\nended with ${code}:\n${said}`)
  return said
}
