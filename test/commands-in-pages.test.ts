import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildProgram } from '../apps/command/src/program.ts'
import { shellWords } from './support/shell-words.ts'

/** Each `sluice …` in a page is understood by the command: its words, options and arguments. Nothing is run. */

const project = fileURLToPath(new URL('..', import.meta.url))
const pages = globSync(['*.md', '{docs,examples,deploy,apps}/**/*.md'], {
  cwd: project,
  // The reference of the command is made from it, and has forms of calls in place of calls.
  exclude: ['CHANGELOG.md', 'docs/reference/command.md', '**/node_modules/**'],
})

test('every call of the command in a page is one that it takes', async () => {
  const wrong: string[] = []
  let count = 0
  for (const page of pages) {
    for (const call of callsIn(readFileSync(`${project}/${page}`, 'utf8'))) {
      const problem = await problemOf(shellWords(call))
      if (problem !== undefined) wrong.push(`${page}: sluice ${call}: ${problem}`)
      count++
    }
  }
  assert.deepEqual(wrong, [])
  assert.ok(count > 10, `${count} calls found`)
})

test('a call that the command does not take would be found', async () => {
  assert.match((await problemOf(['repos', 'list']))!, /Unknown command/)
  assert.match((await problemOf(['config', '--of', 'gateway']))!, /Unknown option/)
  assert.match((await problemOf(['config', 'gateway', 'twice', 'thrice', 'again']))!, /argument/)
  assert.equal(await problemOf(['config']), undefined)
  assert.equal(await problemOf(['config', '--help']), undefined)
  assert.deepEqual(callsIn('`sluice a b`, `sluice-gateway`\n```sh\nsluice c # d\nfoo | sluice e\n```\n'), [
    'a b',
    'c',
    'e',
  ])
  assert.deepEqual(shellWords(`a 'b c' "d" e\\ f`), ['a', 'b c', 'd', 'e f'])
})

type Program = ReturnType<typeof buildProgram>

/** In backticks, and as a command of a block for a shell: up to the next command or comment. */
function callsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```(?:sh|bash|console)\n([\s\S]*?)^ *```/gm)].map(([, block]) => block!)
  const prose = text.replace(/^ *```[\s\S]*?^ *```/gm, '')
  const inline = [...prose.matchAll(/`sluice ([a-z-][^`\n]*)`/g)].map(([, call]) => call!)
  const commands = blocks.flatMap((block) =>
    [...block.replace(/\\\n/g, ' ').matchAll(/(?:^|[|;&(]|sudo -u \w+) *sluice ([a-z-][^\n|;&)]*)/gm)].map(([, call]) =>
      call!.replace(/\s#.*/, '').replace(/\s*\d?[<>].*/, ''),
    ),
  )
  return [...inline, ...commands].map((call) => call.trim())
}

/** @returns what the command would say; undefined if it takes the call, or if the call only names one of its commands */
async function problemOf(words: readonly string[]): Promise<string | undefined> {
  const sink = { write: () => {} }
  const program = buildProgram({ env: {}, stdin: process.stdin, stdout: sink, stderr: sink })
  if (names(program, words)) return undefined
  withoutActions(program)
  try {
    await program.parseAsync([...words], { from: 'user' })
    return undefined
  } catch (error) {
    // Its help was asked for.
    if ((error as { exitCode?: number }).exitCode === 0) return undefined
    return (error as Error).message
  }
}

function names(command: Program, [word, ...rest]: readonly string[]): boolean {
  if (word === undefined) return true
  const below = command.commands.find((one) => one.name() === word)
  return below !== undefined && names(below, rest)
}

function withoutActions(command: Program): void {
  if (command.commands.length === 0) command.action(() => {})
  for (const below of command.commands) withoutActions(below)
}
