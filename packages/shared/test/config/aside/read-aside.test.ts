import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAside } from '../../../src/config/aside/read-aside.ts'
import { readMirrorsFile } from '../../../src/config/mirrors/mirrors-file.ts'
import { reader as endless } from './endless-reader.ts'

const entries = (count: number) =>
  Array.from({ length: count }, (_, index) => `  - {repository: p${index}, upstream: "https://h.example/p${index}"}\n`)

const fileOf = (count: number) => `mirrors:\n${entries(count).join('')}`

test('a long file is read as a short one is, and next to none of the work is done by the thread that serves', async () => {
  const [before, beforeInAll] = [process.threadCpuUsage(), process.cpuUsage()]
  const mirrors = await readMirrorsFile(fileOf(10_000), '/f')
  const [here, inAll] = [process.threadCpuUsage(before), process.cpuUsage(beforeInAll)]
  assert.deepEqual(
    [mirrors.length, mirrors.at(-1)!.repository, mirrors.at(-1)!.refs.includes('refs/heads/x')],
    [10_000, 'p9999', true],
  )
  assert.ok(here.user * 3 < inAll.user, `${here.user} of ${inAll.user} µs`)
})

test('what is wrong in a long file is told with its line', async () => {
  await assert.rejects(
    readMirrorsFile(`${fileOf(500)}  - {repository: p}\n`, '/f'),
    /^Error: \/f: mirrors\.500.*line 502/,
  )
  await assert.rejects(readMirrorsFile(fileOf(10_001), '/f'), /a file may have 10,000 mirrors at most/)
})

test('a reading that nobody wants any more is ended, whatever it does', async () => {
  const ending = new AbortController()
  const read = async () => {
    for await (const _ of readAside(endless, ' '.repeat(10_000), '/f', ending.signal)) ending.abort(new Error('over'))
  }
  await assert.rejects(read, /over/)
})
