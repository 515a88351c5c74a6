import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { checkAll, withAllProblems } from '../../src/config/start-checks.ts'

const failing =
  (problem: string, mayHeal = false) =>
  () => {
    throw new ConfigError([problem], { mayHeal })
  }

test('all that is wrong is said at once, each once, and every part that could be opened is given back', async () => {
  let open = 0
  const part = () => {
    open++
    return { [Symbol.dispose]: () => open-- }
  }
  const asynchronous = async () => Object.assign(part(), { [Symbol.asyncDispose]: async () => void open-- })
  const checks = [
    part,
    failing('one'),
    asynchronous,
    async () => failing('two', true)(),
    failing('one'),
    () => undefined,
  ]
  const error = await checkAll(checks).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof ConfigError)
  assert.deepEqual(error.problems, ['one', 'two'])
  assert.equal(error.mayHeal, false)
  assert.equal(open, 0)
  await checkAll([part])
})

test('what may heal is told from what cannot only where nothing else is wrong', async () => {
  const mayHeal = await checkAll([failing('in use', true)]).catch((thrown: unknown) => thrown)
  assert.ok(mayHeal instanceof ConfigError && mayHeal.mayHeal)
})

test('a start that failed says what else is wrong; an error of another kind stays as it is', async () => {
  const first = new ConfigError(['first'])
  const all = await withAllProblems(first, [failing('first'), failing('second')]).catch((thrown: unknown) => thrown)
  assert.ok(all instanceof ConfigError)
  assert.deepEqual(all.problems, ['first', 'second'])
  const other = new Error('other')
  await assert.rejects(withAllProblems(other, [failing('second')]), (thrown) => thrown === other)
})
