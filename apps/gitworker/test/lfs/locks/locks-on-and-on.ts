import { Locks } from '../../../src/lfs/locks/locks.ts'

/** Locks one file after the other, and says which, until it is killed. */
const [, , file, round] = process.argv
const locks = new Locks()
for (let index = 0; ; index++) {
  const { lock } = await locks.create(file!, `${round}/${index}`, 'ann')
  process.stdout.write(`${lock.path}\n`)
}
