import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { checkAll, withAllProblems } from '../../src/config/start-checks.ts'

const failing =
  (problem: string, mayHeal = false) =>
  () => {
    throw new ConfigError([problem], { mayHeal })
  }

test('all problems are reported at once, each once, and every part that could be opened is closed again', async () => {
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

test('a start may heal only if all of its problems may', async () => {
  const mayHeal = await checkAll([failing('in use', true)]).catch((thrown: unknown) => thrown)
  assert.ok(mayHeal instanceof ConfigError && mayHeal.mayHeal)
})

test('a failed start reports what else is wrong; an error of another kind stays as it is', async () => {
  const first = new ConfigError(['first'])
  const all = await withAllProblems(first, [failing('first'), failing('second')]).catch((thrown: unknown) => thrown)
  assert.ok(all instanceof ConfigError)
  assert.deepEqual(all.problems, ['first', 'second'])
  const other = new Error('other')
  await assert.rejects(withAllProblems(other, [failing('second')]), (thrown) => thrown === other)
})
