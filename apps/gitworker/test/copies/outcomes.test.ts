import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { newTrashId } from '../../src/administration/trash/trash-id.ts'
import { outcomeOf } from '../../src/copies/giving/outcome.ts'
import type { OutcomeServices } from '../../src/copies/giving/outcome.ts'
import { Gifts } from '../../src/copies/giving/gifts.ts'
import { withGivenMark, withoutGivenMark } from '../../src/repository/given-mark.ts'

/** What the primary of an old name says of a rename from it, and the mark of one that is not decided. */

const asked = { repository: 'old', gift: '0'.repeat(32), trash: newTrashId(new Date()) }

/** @param confirmed gets what copies were made sure of */
function services(root: string, inTrash: string | undefined, confirmed: string[] = []): OutcomeServices {
  return {
    root,
    gifts: new Gifts(),
    isInTrash: (id: string, repository: string) => id === inTrash && repository === 'old',
    hold: () => ({ confirm: async () => void confirmed.push('tenure'), [Symbol.dispose]() {} }),
    copies: { confirm: async (name: string) => void confirmed.push(name) },
    ending: new AbortController().signal,
  } as unknown as OutcomeServices
}

test('the primary of the old name tells one that stays from one that is gone, and from another of that name', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const confirmed: string[] = []
  assert.equal(await outcomeOf(services(root, asked.trash, confirmed), asked), 'gone')
  // No copy may bring it back, and this host must be its primary still.
  assert.deepEqual(confirmed, ['old', 'tenure'])
  assert.equal(await outcomeOf(services(root, undefined), asked), 'gone')
  await git(root, ['init', '--quiet', '--bare', 'old.git'])
  assert.equal(await outcomeOf(services(root, undefined), asked), 'stays')
  assert.equal(await outcomeOf(services(root, newTrashId(new Date())), asked), 'stays')
  // Somebody has pushed to the old name since.
  assert.equal(await outcomeOf(services(root, asked.trash), asked), 'gone')
})

test('one that was made of the old name since is not the old one, whose time in the trash may be over', async () => {
  await using folder = await temporaryFolder()
  await git(folder.path, ['init', '--quiet', '--bare', 'old.git'])
  const begun = (minutes: number) => ({ ...asked, trash: newTrashId(new Date(Date.now() - minutes * 60_000)) })
  assert.equal(await outcomeOf(services(folder.path, undefined), begun(10)), 'gone')
  // The clocks of hosts differ.
  assert.equal(await outcomeOf(services(folder.path, undefined), begun(0.5)), 'stays')
  assert.equal(await outcomeOf(services(folder.path, undefined), begun(-10)), 'stays')
})

test('nothing is said while the rename is under way, or by a host that may not be the primary', async () => {
  await using folder = await temporaryFolder()
  const offering = services(folder.path, undefined)
  using offered = offering.gifts.offer({ kind: 'rename', repository: 'old', gitDir: '' })
  assert.equal(await outcomeOf(offering, { ...asked, gift: offered.id }), 'undecided')
  const over = () => ({ confirm: () => Promise.reject(new Refusal('term_over')), [Symbol.dispose]() {} })
  const doubtful = { ...services(folder.path, undefined), hold: over } as unknown as OutcomeServices
  await assert.rejects(outcomeOf(doubtful, asked), { reason: 'term_over' })
})

test('a mark is read by git, whatever the name, and leaves the configuration as it was', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'config')
  await mkdir(folder.path, { recursive: true })
  for (const repository of ['team/old', 'a "b" \\ #c;d', 'größe/日本']) {
    const mark = { ...asked, repository }
    for (const config of ['', '[core]\n\tbare = true\n', '[sluice]\n\treadOnly = no']) {
      const marked = withGivenMark(config, mark)
      await writeFile(file, marked, 'latin1')
      const said = await git(folder.path, ['config', '--file', file, '--get-all', 'sluice.givenfrom'])
      assert.equal(said.trim(), `${mark.gift} ${mark.trash} ${repository}`)
      assert.ok(withoutGivenMark(marked, mark).includes(config))
    }
    assert.deepEqual(withoutGivenMark('[core]\n', mark), [])
  }
})
