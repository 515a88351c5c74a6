import assert from 'node:assert/strict'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { NotReadError } from '../../src/config/aside/not-read-error.ts'
import { ReloadedFile } from '../../src/config/reloaded-file.ts'
import { temporaryFolder } from '../../testing/folder.ts'
import { until } from '../../testing/until.ts'

/** The sum of the numbers in two files. */
function sumOf(contents: readonly string[]): number {
  const sum = contents.reduce((total, text) => total + Number(text), 0)
  if (Number.isNaN(sum)) throw new Error('this is no number')
  return sum
}

/** Replaces a file in one step, so that nobody reads half of it. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

async function open(paths: readonly string[]) {
  const changes: number[] = []
  const problems: string[] = []
  const file = await ReloadedFile.open('SLUICE_SUM', {
    paths,
    parse: sumOf,
    onChange: (value) => changes.push(value),
    onProblem: (problem) => problems.push(problem),
  })
  return { file, changes, problems }
}

test('a change of any of the files replaces the value', async () => {
  await using folder = await temporaryFolder()
  const paths = ['a', 'b'].map((name) => join(folder.path, name))
  for (const path of paths) await writeFile(path, '1')
  const { file, changes, problems } = await open(paths)
  using _ = file
  assert.equal(file.current, 2)
  await replace(paths[1]!, '3')
  await until('the new value', () => file.current === 4)
  assert.deepEqual(changes, [4])
  assert.deepEqual(problems, [])
})

test('a broken or missing file leaves the old value in force, and is reported once', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  await replace(path, '1')
  const { file, changes, problems } = await open([path])
  using _ = file
  await replace(path, 'one')
  await until('the problem', () => problems.length === 1)
  await rm(path)
  await until('the next problem', () => problems.length === 2)
  assert.equal(file.current, 1)
  await replace(path, 'two')
  await until('the last problem', () => problems.length === 3)
  assert.equal(file.current, 1)
  await replace(path, '5')
  await until('the new value', () => file.current === 5)
  assert.deepEqual(changes, [5])
  assert.deepEqual(problems, ['this is no number', `cannot read ${path} (ENOENT)`, 'this is no number'])
})

test('what cannot be read for another reason than what is in it is read again, and that is reported once', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  await replace(path, '1')
  const problems: string[] = []
  let failures = 0
  using file = await ReloadedFile.open('SLUICE_SUM', {
    paths: [path],
    parse(contents) {
      if (contents[0] === '2' && failures++ < 2) throw new NotReadError('no thread')
      return sumOf(contents)
    },
    onProblem: (problem) => problems.push(problem),
  })
  await replace(path, '2')
  await until('the new value', () => file.current === 2)
  assert.deepEqual([failures, problems], [3, ['no thread']])
})

test('files that are not right from the start keep the application from starting', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  const failure = async (): Promise<ConfigError> => {
    const error = await open([path]).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof ConfigError)
    return error
  }
  const missing = await failure()
  assert.deepEqual(missing.problems, [`SLUICE_SUM: cannot read ${path} (ENOENT).`])
  assert.equal(missing.mayHeal, true)
  await writeFile(path, 'one')
  const broken = await failure()
  assert.deepEqual(broken.problems, ['SLUICE_SUM: this is no number.'])
  assert.equal(broken.mayHeal, false)
  await writeFile(path, ' '.repeat(1024 * 1024 + 1))
  assert.match((await failure()).message, /it has 1048577 bytes, more than the 1048576 that it may have/)
})
