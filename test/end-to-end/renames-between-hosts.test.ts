import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'
import { startCluster } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import { until } from '@sluice/shared/testing/until'

/** Renames from one host to another, as processes that are killed and stopped in the middle: one name is left, with all pushes. */

const skip = noEtcd ?? false
const parts = new AsyncDisposableStack()
let cluster: Cluster
let work: string

before(async () => {
  if (skip) return
  const etcd = parts.use(await startEtcd())
  const env = { SLUICE_LEASE: '4s', SLUICE_CREATE_ON_PUSH: 'off', SLUICE_COPIES: '1', SLUICE_COPY_TIMEOUT: '2s' }
  cluster = parts.use(await startCluster({ etcd: etcd.env, hosts: 2, storage: 'own', env }))
  work = join(cluster.folder, 'work')
  await git(cluster.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 50)
})

after(() => parts.disposeAsync())

async function primaryOf(repository: string): Promise<Member> {
  return await until(`${repository} to have a host`, async () => {
    const { body } = await ask(cluster.gateways[0]!.app.operations, '/-/cluster.json')
    const { hosts, slots } = JSON.parse(body) as ClusterStatus
    const name = hosts[slots.primaries[slotOf(repository)]!]?.name
    return cluster.hosts.find((host) => host.name === name)
  })
}

/** A name that a host keeps, or another one than that. */
async function nameAt(beginning: string, isMeant: (host: Member) => boolean): Promise<string> {
  for (let count = 0; ; count++) if (isMeant(await primaryOf(`${beginning}-${count}`))) return `${beginning}-${count}`
}

type Answer = { readonly result?: object; readonly error?: { readonly reason: string; readonly sentence: string } }

/** @param onProgress gets what the command says meanwhile @returns undefined where the host has not answered */
async function administer(
  host: Member,
  path: string,
  body: object,
  onProgress: (words: string) => void = () => {},
): Promise<Answer | undefined> {
  const socketPath = join(cluster.folder, `${host.name}-run`, 'administration.sock')
  const headers = { 'Content-Type': 'application/json' }
  const sent = request({ socketPath, method: 'POST', path: `/-/${path}`, headers })
  sent.on('error', () => {}).end(JSON.stringify(body))
  try {
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    for await (const line of linesOf(reply)) {
      const said = JSON.parse(line) as Answer & { readonly progress?: string }
      if (said.progress === undefined) return said
      onProgress(said.progress)
    }
  } catch {
    // The host is gone.
  }
  return undefined
}

async function* linesOf(reply: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

const takesPushes = async (name: string) => (await tryGit(work, ['push', urlOf(name), 'main:probe'])).code === 0
const urlOf = (name: string) => `${cluster.url}/${name}.git`

/** Exactly one of both names is left, takes pushes, and has all of them. @returns which */
async function onlyOne(old: string, now: string): Promise<string> {
  let left = ''
  await until('one name to take pushes, and the other one to be gone', async () => {
    const there = await Promise.all(
      [old, now].map(async (name) => existsSync(join(cluster.rootOf((await primaryOf(name)).name), `${name}.git`))),
    )
    left = there[0] ? old : now
    return there[0] !== there[1] && (await takesPushes(left))
  })
  assert.match(await git(work, ['ls-remote', urlOf(left)]), /refs\/heads\/acknowledged/)
  for (const { name } of cluster.hosts) {
    const names = await readdir(cluster.rootOf(name))
    assert.deepEqual(
      names.filter((one) => one.startsWith(now) && one !== `${now}.git`),
      [],
    )
  }
  return left
}

type Harm = { readonly how: string; readonly begin: (host: Member) => Promise<void>; readonly end: Harm['begin'] }

const killed: Harm = { how: 'killed', begin: (host) => host.kill(), end: (host) => host.start() }
const stopped: Harm = { how: 'stopped', begin: async (host) => host.pause(), end: async (host) => host.resume() }

const cases = [
  { who: 'receiver', harm: killed, when: /^copying it/ },
  { who: 'receiver', harm: killed, when: /^giving it/ },
  { who: 'receiver', harm: stopped, when: /^giving it/ },
  { who: 'giver', harm: killed, when: /^bringing/ },
  { who: 'giver', harm: killed, when: /^giving it/ },
] as const

for (const [index, { who, harm, when }] of cases.entries()) {
  test(
    `the ${who} is ${harm.how} when the operator reads ${when.source.slice(1)}: one name is left`,
    { skip },
    async () => {
      const [giver, receiver] = [cluster.hosts[0]!, cluster.hosts[1]!]
      const old = await nameAt(`old-${index}`, (host) => host === giver)
      const now = await nameAt(`new-${index}`, (host) => host === receiver)
      assert.ok(await administer(giver, 'repositories', { name: old }))
      await git(work, ['push', '--quiet', urlOf(old), 'main', 'main:acknowledged'])
      const harmed = who === 'giver' ? giver : receiver
      let harming: Promise<void> | undefined
      const answer = await administer(giver, `repositories/${old}/rename`, { to: now }, (words) => {
        if (when.test(words)) harming ??= harm.begin(harmed)
      })
      await harming
      // The one that lives says in a bounded time what is true.
      if (who === 'receiver') assert.ok(answer)
      await harm.end(harmed)
      await cluster.ready()
      const left = await onlyOne(old, now)
      if (answer?.error && answer.error.reason !== 'half_renamed') assert.equal(left, old)
      if (answer?.result) assert.equal(left, now)
    },
  )
}
