import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PushReport } from '../../src/git/push-report.ts'

const band = (number: number, text: string) =>
  `${(text.length + 5).toString(16).padStart(4, '0')}${String.fromCharCode(number)}${text}`
const report = '000eunpack ok\n0019ok refs/heads/main\n0000'
const alive = '0005\u0001'

/** @param size how many bytes come at once */
function hasBegun(output: string, size: number): boolean {
  const watch = new PushReport()
  const bytes = Buffer.from(output, 'latin1')
  for (let offset = 0; offset < bytes.length; offset += size) watch.read(bytes.subarray(offset, offset + size))
  return watch.hasBegun
}

describe('the beginning of a push’s report', () => {
  const cases: [what: string, output: string, begun: boolean][] = [
    ['in side-band 1', band(1, report), true],
    ['after what hooks said', band(2, 'unpack ok\n'.repeat(100)) + alive + band(2, 'x') + band(1, report), true],
    ['without side-bands', report, true],
    ['that says no', '001eunpack index-pack abnormal exit\n', true],
    ['words of hooks alone, even its own', band(2, report) + band(2, `${alive}${band(1, report)}`), false],
    ['signs of life alone', alive.repeat(20), false],
    ['an error', band(3, 'fatal: no'), false],
    ['a flush, and empty packets', '0000000400010000', false],
    ['a flush before it', `0000${band(1, report)}`, true],
    ['nothing', '', false],
    ['what is no packet', `zzzz${band(1, report)}`, false],
    ['a length of 3', `0003${band(1, report)}`, false],
  ]
  for (const [what, output, begun] of cases) {
    test(`${what} is ${begun ? '' : 'not '}seen, however it is cut`, () => {
      for (const size of [1, 2, 3, 4, 5, 6, 7, 11, 1000]) assert.equal(hasBegun(output, size), begun, `${size} at once`)
    })
  }
})
