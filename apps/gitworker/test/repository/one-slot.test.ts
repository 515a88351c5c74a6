import assert from 'node:assert/strict'
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { slotOf } from '@sluice/shared/placement/slot'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { findRepository } from '../../src/repository/repository.ts'

/** Parts of which names are made, so that many lead to the same folder. */
const plain = ['r', 'R', 'team/r', 'team/.hidden', 'r.gitx', 'git', 'é', 'a b', '%72', 'x.git/r']
const endings = ['', '.git', '/.git', '.git/.git', '.git.git', '.git.git/.git', '.GIT', '/.Git', '.gIt.git']

/** Ways to write an address down that mean the same. */
const spellings: ((name: string) => string)[] = [
  (name) => name.split('/').map(encodeURIComponent).join('/'),
  (name) => name.replace(/[^/]/gu, (one) => [...Buffer.from(one)].map((byte) => `%${byte.toString(16)}`).join('')),
  (name) => `//${name.split('/').map(encodeURIComponent).join('///')}//`,
]

const seed = testSeed(1)

test(`all names and spellings that open one repository have one slot, whatever folders there are (seed ${seed})`, async () => {
  const random = new SeededRandom(seed)
  await using folder = await temporaryFolder()
  let opened = 0
  for (let round = 0; round < 8; round++) {
    const root = join(await realpath(folder.path), String(round))
    for (const name of plain) {
      for (const ending of endings) if (random.chance(0.3)) await makeRepository(join(root, name + ending))
    }
    const slots = new Map<string, Map<number, string>>()
    for (const address of plain.flatMap((name) => endings.map((ending) => name + ending))) {
      for (const spelling of spellings) {
        const repository = nameIn(spelling(address))
        const gitDir = repository === undefined ? undefined : findRepository(root, repository)?.gitDir
        if (gitDir === undefined) continue
        opened++
        slots.set(gitDir, (slots.get(gitDir) ?? new Map<number, string>()).set(slotOf(repository!), repository!))
      }
    }
    for (const [gitDir, names] of slots) assert.equal(names.size, 1, `${gitDir}: ${JSON.stringify([...names])}`)
  }
  assert.ok(opened > 500, `${opened} names opened something`)
})

/** What git itself takes for a repository. */
async function makeRepository(path: string): Promise<void> {
  for (const part of ['objects', 'refs']) await mkdir(join(path, part), { recursive: true })
  await writeFile(join(path, 'HEAD'), 'ref: refs/heads/main\n')
}

function nameIn(address: string): string | undefined {
  try {
    const url = `/${address}/info/refs?service=git-upload-pack`
    return parseGitRequest({ method: 'GET', url, headers: {} }).repository
  } catch {
    return undefined
  }
}
