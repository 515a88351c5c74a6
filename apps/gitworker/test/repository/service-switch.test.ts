import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Service } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { JobError } from '../../src/process/job/job.ts'
import type { RunJob } from '../../src/process/job/job.ts'
import { ServiceSwitch } from '../../src/repository/service-switch.ts'

async function repository() {
  const folder = await temporaryFolder()
  await git(folder.path, ['init', '--quiet', '--bare', '.'])
  const jobs: (readonly string[])[] = []
  const services = new ServiceSwitch()
  const runJob: RunJob = async (args) => {
    jobs.push(args)
    const { code, stdout, stderr } = await tryGit('/', args)
    if (code !== 0 && code !== 1) throw new JobError(stderr)
    return stdout
  }
  return {
    gitDir: folder.path,
    jobs,
    isOff: async (service: Service) => (await services.refusal(folder.path, service, runJob)) !== undefined,
    refusal: (service: Service) => services.refusal(folder.path, service, runJob),
    config: (name: string, value: string) => git(folder.path, ['config', name, value]),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

test('git is not asked about an ordinary repository', async () => {
  await using r = await repository()
  assert.equal(await r.isOff('receive-pack'), false)
  assert.deepEqual(r.jobs, [])
})

test('each service is switched by its own variable, however it is written', async () => {
  await using r = await repository()
  await r.config('http.receivepack', 'false')
  assert.equal(await r.isOff('receive-pack'), true)
  assert.equal(await r.isOff('upload-pack'), false)
  await writeFile(join(r.gitDir, 'config'), '[core]\nbare = true\n[HTTP]\nUploadPack = "no" ; closed\n')
  assert.equal(await r.isOff('upload-pack'), true)
  assert.equal(await r.isOff('receive-pack'), false)
})

test('git reads a configuration once, and again if its text has changed', async () => {
  await using r = await repository()
  await r.config('http.uploadpack', 'true')
  for (let time = 0; time < 3; time++) assert.equal(await r.isOff('upload-pack'), false)
  assert.equal(r.jobs.length, 1)
  await r.config('http.uploadpack', 'false')
  assert.equal(await r.isOff('upload-pack'), true)
  assert.equal(r.jobs.length, 2)
})

test('included files may change unseen, so git is asked every time', async () => {
  await using r = await repository()
  const included = join(r.gitDir, 'more')
  await writeFile(included, '')
  await r.config('include.path', included)
  assert.equal(await r.isOff('upload-pack'), false)
  await writeFile(included, '[http]\nuploadpack = false\n')
  assert.equal(await r.isOff('upload-pack'), true)
})

test('a configuration that git cannot read allows nothing', async () => {
  await using r = await repository()
  await writeFile(join(r.gitDir, 'config'), '[http\nuploadpack = true\n')
  await assert.rejects(
    r.isOff('upload-pack'),
    (error) => error instanceof Refusal && error.reason === 'repository_unreadable' && error.cause instanceof JobError,
  )
})

test('a repository may say that it is read-only, in its own words', async () => {
  await using r = await repository()
  for (const [value, expected] of [
    ['Frozen, for now.', /pushed to\. Frozen, for now\.$/],
    ['yes', /pushed to\.$/],
    ['1', /pushed to\.$/],
    ['false', undefined],
    ['', undefined],
    ['0x0', undefined],
  ] as const) {
    await r.config('sluice.readOnly', value)
    const refusal = await r.refusal('receive-pack')
    if (expected === undefined) assert.equal(refusal, undefined, value)
    else assert.match(refusal?.sentence ?? '', expected)
    assert.equal(refusal?.reason, expected && 'read_only')
    assert.equal(await r.isOff('upload-pack'), false)
  }
  await writeFile(join(r.gitDir, 'config'), '[core]\nbare = true\n[sluice]\nreadOnly\n[http]\nreceivepack = false\n')
  assert.equal((await r.refusal('receive-pack'))?.reason, 'service_disabled')
  await writeFile(join(r.gitDir, 'config'), '[core]\nbare = true\n[http]\nreceivepack = perhaps\n')
  await assert.rejects(r.refusal('receive-pack'), (error) => error instanceof Refusal && error.cause instanceof Error)
})
