import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { standStill } from '@sluice/shared/testing/stand-still'
import { until } from '@sluice/shared/testing/until'
import { WorkerSocket } from '../../../src/process/launcher/worker-socket.ts'

const silenceMs = 200

async function connected(folder: string): Promise<Socket> {
  const socket = connect(join(folder, 'workers.sock')).on('error', () => {})
  await once(socket, 'connect')
  return socket
}

test('a worker that connected while the supervisor was stopped is not taken for a silent stranger', async () => {
  await using folder = await temporaryFolder()
  using socket = await WorkerSocket.open(folder.path, silenceMs)
  const word = randomBytes(16)
  let isComplete = false
  socket.expect(word, (streams) => {
    isComplete = true
    for (const stream of Object.values(streams)) stream.destroy()
  })
  const streams = await Promise.all([0, 1, 2, 3].map(() => connected(folder.path)))
  // They have been met. What they say comes while the supervisor hears nothing.
  streams.forEach((stream, number) => stream.write(Buffer.from([...word, number])))
  standStill(3 * silenceMs)
  await until('all four to be known', () => isComplete)
})

test('who says nothing for too long is turned away', async () => {
  await using folder = await temporaryFolder()
  using _socket = await WorkerSocket.open(folder.path, silenceMs)
  const silent = await connected(folder.path)
  silent.resume()
  await once(silent, 'close')
  const next = await connected(folder.path)
  next.resume()
  await once(next, 'close')
})
