import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { formatAddress } from '@sluice/shared/network/address'
import { openCutProxy } from '@sluice/shared/testing/cut-proxy'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { Supervisor } from '../../src/start/start.ts'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'

/*
 * A primary is stopped, or cut off, with pushes under way. Another host takes its place. It goes on before it hears of that.
 */

const both = { copies: ['one', 'two'], inSync: ['one', 'two'] }
const parts = new AsyncDisposableStack()
let hosts: HostsInProcess
let one: Supervisor
let toTwo: Awaited<ReturnType<typeof openCutProxy>>
let work: string

before(async () => {
  hosts = parts.use(await openHostsInProcess())
  toTwo = parts.use(await openCutProxy())
  one = await hosts.start('one')
  const two = await hosts.start('two', { SLUICE_HOST_ADDRESS: toTwo.address })
  toTwo.leadTo(formatAddress(two.address))
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 2)
})

after(() => parts.disposeAsync())

/** A repository of `one`, with a copy at `two`. @returns its address */
async function placeWithMain(repository: string): Promise<string> {
  await hosts.place(repository, { ...both, primary: 'one' })
  const url = hosts.urlOf('one', repository)
  await git(work, ['push', url, 'main'])
  return url
}

const replace = (repository: string) => hosts.place(repository, { ...both, primary: 'two' })

test('a copy that has taken the place of its primary does nothing that this one tells it later', async () => {
  const url = await placeWithMain('told.git')
  const hook = join(hosts.folder, 'one/told.git/hooks/pre-receive')
  await mkdir(join(hook, '..'), { recursive: true })
  const [begun, go] = [join(hosts.folder, 'begun'), join(hosts.folder, 'go')]
  await writeFile(hook, `#!/bin/sh\ntouch ${begun}\nwhile ! [ -e ${go} ]; do sleep 0.05; done\n`)
  await chmod(hook, 0o755)
  const pushing = tryGit(work, ['push', url, 'main:late'])
  await until('the hook to run', () => existsSync(begun))
  hosts.cutOff('one', true)
  await replace('told.git')
  // As a push that the new primary has acknowledged.
  await git(join(hosts.folder, 'two/told.git'), ['update-ref', 'refs/heads/acknowledged', 'main'])
  const acknowledged = await hosts.refsAt('two', 'told.git')
  await writeFile(go, '')
  const { code } = await pushing
  hosts.cutOff('one', false)
  assert.equal(await hosts.refsAt('two', 'told.git'), acknowledged)
  assert.notEqual(code, 0)
})

test('a push that all copies have is not acknowledged by a lease that is over', async () => {
  const url = await placeWithMain('answered.git')
  await until('all that follows the creation to be over', () => one.running.size === 0)
  toTwo.cutInwardWhere((first) => first.startsWith('POST /-/copies/follow '))
  const pushing = tryGit(work, ['push', url, 'main:late'])
  await until('the copy to have it', async () => /late/.test(await hosts.refsAt('two', 'answered.git')))
  hosts.cutOff('one', true)
  hosts.lapse('one')
  assert.equal(one.cluster?.placement.isLive, false)
  await replace('answered.git')
  toTwo.mend()
  // Long enough for an acknowledgement, if there were one.
  const early = await Promise.race([pushing, pause(500)])
  hosts.cutOff('one', false)
  assert.equal(early, undefined)
  const { code, stderr } = await pushing
  assert.notEqual(code, 0)
  assert.doesNotMatch(stderr, /\[new branch\]/)
})
