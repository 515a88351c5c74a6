import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pktLine } from '@sluice/shared/git/pkt-line'
import { reasonInWords, reasonOfReport } from '../../src/git/faults.ts'
import { LastPackets } from '../../src/reply/last-packets.ts'

const id = 'a'.repeat(40)

/**
 * Messages of git, from upload-pack.c, serve.c, pkt-line.c, list-objects-filter-options.c, receive-pack.c, index-pack.c
 * and others.
 */
const messages: Record<string, string[]> = {
  git_refused: [
    `fatal: git upload-pack: not our ref ${id}`,
    `error: git upload-pack: not our ref ${id}`,
    "fatal: git upload-pack: protocol error, expected to get object ID, not 'x'",
    "fatal: git upload-pack: expected SHA1 list, got 'x'",
    'fatal: git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together',
    'fatal: git upload-pack: deepen-not is not a ref: deepen-not x',
    'fatal: git upload-pack: filtering capability not negotiated',
    'fatal: invalid shallow line: shallow x',
    'fatal: Invalid deepen: deepen x',
    'fatal: Invalid deepen-since: deepen-since x',
    "fatal: filter 'tree' not supported",
    "fatal: invalid filter-spec 'x'",
    "fatal: unable to access sparse blob in 'x'\nerror: git upload-pack: git-pack-objects died with error.\nfatal: git upload-pack: aborting due to possible repository corruption on the remote side.",
    'fatal: unknown ref refs/heads/x',
    'fatal: duplicate want-ref refs/heads/x',
    "fatal: unexpected line: 'x'",
    'fatal: expected flush after fetch arguments',
    "fatal: unknown capability 'x'",
    "fatal: invalid command 'x'",
    'fatal: no command requested',
    'fatal: mismatched object format: server sha1; client sha256',
    'fatal: the remote end hung up unexpectedly',
    'fatal: protocol error: bad line length character: zzzz',
    "fatal: protocol error: expected old/new/ref, got 'x\nerror: write: No space left on device'",
    'fatal: protocol error: got both push certificate and unsigned commands',
    "fatal: error: unsupported object format 'sha256'",
  ],
  push_rejected: [
    `error: object ${id}: missingEmail: invalid author/committer line - missing email\nfatal: fsck error in packed object`,
    'fatal: pack is corrupted (SHA1 mismatch)',
    'fatal: early EOF\nfatal: unpack failed',
    'fatal: pack has 3 unresolved deltas',
    'error: denying non-fast-forward refs/heads/x (you should pull first)',
  ],
  push_too_large: ['fatal: pack exceeds maximum allowed size (1.00 MiB)', 'fatal: pack exceeds maximum allowed size'],
  disk_full: [
    'error: file write error: No space left on device\nfatal: failed to write object\nfatal: unpack failed',
    'fatal: write error: Disk quota exceeded',
  ],
  git_failed: [
    'error: unable to create temporary file: Permission denied',
    "error: cannot lock ref 'refs/heads/x': Unable to create '/r/refs/heads/x.lock': File exists.",
    'fatal: loose object 1 (stored in o/1) is corrupt',
    `error: packfile p.pack does not match index\nfatal: git upload-pack: not our ref ${id}`,
  ],
  git_killed: ['error: index-pack died of signal 9'],
  git_cpu_time: ['error: pack-objects died of signal 24\nfatal: git upload-pack: git-pack-objects died with error.'],
  git_file_size: ['error: index-pack died of signal 25'],
  no_resources: [
    'error: cannot fork() for index-pack: Resource temporarily unavailable',
    'fatal: Out of memory, malloc failed',
  ],
}

for (const [reason, texts] of Object.entries(messages)) {
  test(`git's words that mean ${reason}`, () => {
    for (const text of texts) assert.equal(reasonInWords(text), reason, text)
  })
}

test('a name that a client chooses cannot pass for a failure of the host', () => {
  for (const name of ['x: No space left on device', 'x\nerror: y: No space left on device']) {
    assert.equal(reasonInWords(`error: refusing to update funny ref '${name}' remotely`), 'push_rejected')
    assert.equal(reasonInWords(`fatal: invalid command '${name}'`), 'git_refused')
  }
})

test('the reason for a rejected reference tells whose fault it is', () => {
  const users = [
    'non-fast-forward',
    'hook declined',
    'pre-receive hook declined',
    'deletion prohibited',
    'funny refname',
    'branch is currently checked out',
    'shallow update not allowed',
    'inconsistent push options',
    'deny updating a hidden ref',
    'missing necessary objects',
    'failed to update ref',
    'refname conflict',
    'anything that a proc-receive hook may say',
  ]
  for (const why of users) assert.equal(reasonOfReport('ok', [why, 'atomic push failure'], ''), 'push_rejected', why)
  const ours = ['unable to migrate objects to permanent storage', 'transaction failed to start', 'bad pack']
  for (const why of ours) assert.equal(reasonOfReport('ok', [why], ''), 'git_failed', why)
  const full = 'error: x: No space left on device'
  assert.equal(reasonOfReport('ok', ['failed to update ref'], full), 'disk_full')
  // A hook's own output does not count.
  assert.equal(reasonOfReport('ok', ['pre-receive hook declined'], full), 'push_rejected')
  assert.equal(reasonOfReport('index-pack abnormal exit', ['unpacker error'], ''), 'git_failed')
  assert.equal(reasonOfReport('index-pack abnormal exit', ['unpacker error'], full), 'disk_full')
})

test('the last packets are read from the end, whatever came before', () => {
  const end = pktLine('\u0002error: x is missing\n') + pktLine('\u0003aborting')
  const last = new LastPackets()
  for (let chunk = 0; chunk < 100; chunk++) last.take(Buffer.alloc(65_536, chunk))
  last.take(Buffer.from(`${'\u00ff'.repeat(500)}${end}`, 'latin1'))
  assert.equal(last.text(), 'error: x is missing\naborting')
  const bare = new LastPackets()
  bare.take(Buffer.from(pktLine('ERR upload-pack: not our ref')))
  assert.equal(bare.text(), 'fatal: upload-pack: not our ref\n')
  const raw = new LastPackets()
  raw.take(Buffer.from('no packets at all'))
  assert.equal(raw.text(), '')
})
