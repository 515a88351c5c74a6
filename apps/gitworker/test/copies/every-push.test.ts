import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { openComparedPushes } from '../support/compared-pushes.ts'
import { emptyPack, none, rawPush } from '../support/raw-push.ts'
import { TwoHosts } from '../support/two-hosts.ts'

const compared = await openComparedPushes()
const { hosts, work, push, configure, hook } = compared
after(() => compared[Symbol.asyncDispose]())

test('small pushes and large ones, with and without objects, each in the way that is right for it', async () => {
  const url = await hosts.place('small.git')
  await push('small.git', url, 'main')
  await push('small.git', url, 'main:a', 'main~1:refs/heads/b', 'main~2:refs/notes/c')
  assert.equal(await hosts.lastWay(), 'receive-pack')
  await push('small.git', '--atomic', '--force', url, 'main~1:a', 'main:b')
  assert.equal(await hosts.lastWay(), 'receive-pack')
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'more'])
  await push('small.git', url, 'main')
  assert.equal(await hosts.lastWay(), 'receive-pack')
  await push('small.git', url, ':a', 'main:c')
  assert.equal(await hosts.lastWay(), 'fetch')
  await writeFile(join(work, 'large'), randomBytes(1_500_000))
  await git(work, ['add', 'large'])
  await git(work, ['commit', '--quiet', '-m', 'large'])
  await push('small.git', url, 'main')
  assert.equal(await hosts.lastWay(), 'fetch')
  const partly = await tryGit(work, ['push', url, 'main~1:main', 'main:d'])
  assert.notEqual(partly.code, 0)
  await hosts.assertSame('small.git', 'one reference of two is refused')
  await git(join(hosts.folder, 'two/small.git'), ['fsck', '--strict'])
})

test('symbolic references, and names that are hidden, are pushed to as on one host', async () => {
  const url = await hosts.place('symbolic.git')
  await push('symbolic.git', url, 'main')
  await git(join(hosts.folder, 'one/symbolic.git'), ['symbolic-ref', 'refs/heads/alias', 'refs/heads/main'])
  await configure('symbolic.git', 'uploadpack.hideRefs', 'refs/secret')
  await push('symbolic.git', '--force', url, 'main~1:alias', 'main:refs/secret/1')
  await push('symbolic.git', url, 'main', 'main~2:refs/secret/2')
})

test('SHA-256, in a repository that the push creates', async () => {
  await using of256 = await TwoHosts.open({ SLUICE_DEFAULT_OBJECT_FORMAT: 'sha256' })
  const url = await of256.place('project.git')
  const folder = join(of256.folder, 'work')
  await git(of256.folder, ['init', '--quiet', '--object-format=sha256', 'work'])
  for (const message of ['one', 'two', 'three']) {
    await git(folder, ['commit', '--quiet', '--allow-empty', '-m', message])
    await git(folder, ['push', '--quiet', url, 'HEAD:refs/heads/main'])
    await of256.assertSame('project.git', message)
  }
})

test('push options, and pushes from shallow clones', async () => {
  const url = await hosts.place('special.git')
  await push('special.git', url, 'main~2:refs/heads/main')
  await configure('special.git', 'receive.advertisePushOptions', 'true')
  await configure('special.git', 'receive.shallowUpdate', 'true')
  await push('special.git', '--push-option=one', '--push-option=two=2', url, 'main~1:main')
  const shallow = join(hosts.folder, 'shallow')
  await git(hosts.folder, ['clone', '--quiet', '--depth=1', `file://${work}`, 'shallow'])
  await git(shallow, ['commit', '--quiet', '--allow-empty', '-m', 'from a shallow clone'])
  const { code, stderr } = await tryGit(shallow, ['push', url, 'HEAD:refs/heads/shallow'])
  assert.equal(code, 0, stderr)
  await hosts.assertSame('special.git', 'from a shallow clone')
})

test('a proc-receive hook, whose word is not git’s', async () => {
  const url = await hosts.place('proc.git')
  await push('proc.git', url, 'main')
  await configure('proc.git', 'receive.procReceiveRefs', 'refs/for')
  await hook(
    'proc.git',
    'proc-receive',
    `exec perl -e '
sub rd { read(STDIN, my $n, 4) == 4 or exit; my $l = hex $n; return "" if $l < 5; read(STDIN, my $b, $l - 4); chomp $b; $b }
sub wr { my $s = shift; printf "%04x%s", length($s) + 4, $s } $| = 1;
rd() while 0; my $v = rd(); rd(); wr("version=1\\0\\n"); print "0000";
my @c; while ((my $l = rd()) ne "") { push @c, $l }
for (@c) { my ($o, $n, $r) = split / /; system("git", "update-ref", "refs/heads/made", $n); wr("ok $r\\n"); wr("option refname refs/heads/made\\n"); }
print "0000"'`,
  )
  const said = await push('proc.git', url, 'main~1:refs/for/main')
  assert.match(said, /main~1 -> made/)
  assert.match(JSON.stringify(await hosts.stateAt('two', 'proc.git')), /refs\/heads\/made/)
})

test('hooks’ words come before the copy has the push, and the report comes after', async () => {
  const url = await hosts.place('slow.git')
  await push('slow.git', url, 'main')
  await hook('slow.git', 'pre-receive', 'echo "the hook has run" >&2')
  const [hold, asked] = [join(hosts.folder, 'hold'), join(hosts.folder, 'asked')]
  await writeFile(hold, '')
  await rm(asked, { force: true })
  let said = ''
  const id = await git(work, ['rev-parse', 'main'])
  const features = 'report-status side-band-64k'
  const onReply = (all: string) => (said = all)
  const pushing = rawPush(url, `${none} ${id} refs/heads/topic`, emptyPack, { features, onReply })
  try {
    await until('the copy to be told', () => existsSync(asked))
    await until('the words of the hook', () => said.includes('the hook has run'))
    assert.doesNotMatch(said, /unpack ok/)
    assert.equal(await tryGit(join(hosts.folder, 'two/slow.git'), ['rev-parse', 'topic']).then(({ code }) => code), 128)
  } finally {
    await rm(hold)
  }
  assert.match(await pushing, /the hook has run[^]*unpack ok[^]*ok refs\/heads\/topic/)
  await hosts.assertSame('slow.git', 'released')
})

test('a client without side-bands gets its report when the copy has the push', async () => {
  const url = await hosts.place('old.git')
  await push('old.git', url, 'main')
  const id = await git(work, ['rev-parse', 'main'])
  const report = await rawPush(url, `${none} ${id} refs/heads/old`, emptyPack)
  assert.match(report, /unpack ok[^]*ok refs\/heads\/old/)
  await hosts.assertSame('old.git', 'a new branch')
  const gone = await rawPush(url, `${id} ${none} refs/heads/old`, '')
  assert.match(gone, /ok refs\/heads\/old/)
  await hosts.assertSame('old.git', 'it is deleted')
})

test('what a client that leaves has pushed is at the copy, or the copy is out of sync', async () => {
  const url = await hosts.place('left.git')
  await push('left.git', url, 'main')
  const [begun, go] = [join(hosts.folder, 'begun'), join(hosts.folder, 'go')]
  await hook('left.git', 'post-receive', `touch ${begun}; while ! [ -e ${go} ]; do sleep 0.05; done`)
  const id = await git(work, ['rev-parse', 'main'])
  const leaving = new AbortController()
  const pushing = rawPush(url, `${none} ${id} refs/heads/left`, emptyPack, { leave: leaving.signal })
  await until('the references to have moved', () => existsSync(begun))
  leaving.abort()
  assert.doesNotMatch(await pushing, /ok refs/)
  await writeFile(go, '')
  await until('the copy to have it', async () =>
    JSON.stringify(await hosts.stateAt('two', 'left.git')).includes('heads/left'),
  )
  await hosts.assertSame('left.git', 'its client has left')
})
