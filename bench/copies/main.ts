import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { printFigures } from '../figures.ts'
import type { Row } from '../figures.ts'
import { endProgress } from '../progress-line.ts'
import { cloneStorm } from './clone-storm.ts'
import { pushCost } from './push-cost.ts'
import { pushesAtOnce } from './pushes-at-once.ts'

/*
 * `npm run bench:copies`: what it costs that a repository has a second copy, and what that gives. Prints a table; run it on
 * an idle machine. With the defaults, it takes two to three minutes.
 */

const { values: options } = parseArgs({
  options: {
    /** Small pushes to each of the two clusters, in turns. */
    'pushes': { type: 'string', default: '100' },
    /** Pushes to one repository that are begun at once. */
    'at-once': { type: 'string', default: '20' },
    /** For which clones are counted, for one host and for two. */
    'seconds': { type: 'string', default: '15' },
    /** Only the figures whose name contains this: push, at once, storm. */
    'only': { type: 'string', default: '' },
  },
})

if (noEtcd) {
  console.log(`Skipped: ${noEtcd}`)
  process.exit()
}

const load = loadavg()[0]!
await using etcd = await startEtcd()
const parts: Record<string, () => Promise<Row[]>> = {
  'push': () => pushCost(etcd, Number(options.pushes)),
  'at once': () => pushesAtOnce(etcd, Number(options['at-once'])),
  'storm': () => cloneStorm(etcd, Number(options.seconds)),
}
const rows: Row[] = []
for (const [name, measure] of Object.entries(parts)) if (name.includes(options.only)) rows.push(...(await measure()))
endProgress()
console.log(`Machine: ${cpus().length} cores (${cpus()[0]?.model}), load ${load.toFixed(1)} at the start.\n`)
printFigures('copies', rows)
