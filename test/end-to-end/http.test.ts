import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** What HTTP (RFC 9110, RFC 9112) and other software expect of every address. */

const advertisement = '/info/refs?service=git-upload-pack'

/** The headers without those that differ from reply to reply, or between versions of HTTP. */
function comparable({ 'date': _date, 'transfer-encoding': _t, 'content-length': _c, ...headers }: IncomingHttpHeaders) {
  return headers
}

async function addRepository({ root }: Stack, name: string): Promise<void> {
  await git(root, ['init', '--quiet', '--bare', name])
  await importHistory(join(root, name), 1)
}

describe('over HTTP/1.1', () => {
  let stack: Stack
  before(async () => {
    stack = await startStack()
    for (const name of ['project.git', 'team/project.git']) await addRepository(stack, name)
  })
  after(() => stack[Symbol.asyncDispose]())

  test('an address means the same however its slashes are written, for git and for probes', async () => {
    const plain = await ask(stack.gateway.address, `/team/project.git${advertisement}`)
    assert.equal(plain.status, 200)
    for (const path of ['//team/project.git', '/team//project.git', '/team/project.git/', '/team/%2Fproject.git//']) {
      assert.deepEqual(
        await ask(stack.gateway.address, path + advertisement).then(({ body }) => body),
        plain.body,
        path,
      )
    }
    const listed = await git(stack.folder, ['ls-remote', `${stack.url}//team/project.git//`])
    assert.equal(listed, await git(stack.folder, ['ls-remote', `${stack.url}/team/project`]))
    for (const address of [stack.gateway.address, stack.supervisor.address, stack.gateway.operations]) {
      for (const path of ['/healthz', '/healthz/', '/readyz/', '/healthz?from=balancer']) {
        assert.equal((await ask(address, path)).status, 200, `${address} ${path}`)
        assert.equal((await ask(address, path, { method: 'HEAD' })).status, 200, `HEAD ${address} ${path}`)
      }
    }
  })

  test('a host is the same however it is spelled', async () => {
    const port = stack.gateway.address.split(':')[1]
    for (const host of ['127.0.0.1:', `[0:0:0:0:0:0:0:1]:${port}`, `[::0001]:${port}`, 'LOCALHOST.', 'localhost:443']) {
      const { status, body } = await ask(stack.gateway.address, `/project.git${advertisement}`, {
        headers: { Host: host },
      })
      assert.equal(status, 200, `${host}: ${body}`)
    }
    await using anywhere = await startStack({ SLUICE_HOST_NAMES: 'any' })
    await addRepository(anywhere, 'project.git')
    for (const host of [`[2001:db8::1]:${port}`, '[2001:0db8::1]:8080', '[2001:0DB8:0::1]', 'git.example.org.:8080']) {
      const { status, body } = await ask(anywhere.gateway.address, `/project.git${advertisement}`, {
        headers: { Host: host },
      })
      assert.equal(status, 200, `${host}: ${body}`)
    }
  })

  test('HEAD has the headers of GET and no body, and the connection goes on', async () => {
    using agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), {
      [Symbol.dispose]: () => agent.destroy(),
    })
    const on = async (address: string, method: string, path: string) => {
      const sent = request({ ...target(address), method, path, agent }).end()
      const [reply] = (await once(sent, 'response')) as [IncomingMessage]
      const chunks = await reply.toArray()
      return { reply, body: Buffer.concat(chunks).toString() }
    }
    for (const path of [`/project.git${advertisement}`, `/missing.git${advertisement}`]) {
      const got = await on(stack.gateway.address, 'GET', path)
      const { reply, body } = await on(stack.gateway.address, 'HEAD', path)
      assert.equal(reply.statusCode, got.reply.statusCode)
      assert.deepEqual(withoutId(comparable(reply.headers)), withoutId(comparable(got.reply.headers)))
      assert.notEqual(got.body, '')
      assert.equal(body, '')
    }
    const wrong = await ask(stack.gateway.address, `/project.git${advertisement}`, { method: 'PUT' })
    assert.equal(wrong.headers.allow, 'GET, HEAD')
  })

  test('a reply does not say how long its connection is kept, like git’s http-backend', async () => {
    for (const path of [`/project.git${advertisement}`, '/missing.git/info/refs?service=git-upload-pack', '/']) {
      const { headers } = await ask(stack.gateway.address, path, { headers: { Connection: 'keep-alive' } })
      assert.equal(headers['keep-alive'], undefined, path)
      assert.equal(headers.connection, undefined, path)
    }
  })
})

test('over HTTP/2, HEAD has the headers of GET and no body', { skip: noCertificates ?? false }, async () => {
  await using folder = await temporaryFolder()
  const root = newAuthority(folder.path)
  const pair = await root.issue('gateway')
  await using stack = await startStack({ SLUICE_TLS_CERTIFICATE: pair.certificate, SLUICE_TLS_KEY: pair.key })
  await addRepository(stack, 'project.git')
  const session = connectHttp2(stack.url, { ca: await readFile(root.certificate) })
  using _session = { [Symbol.dispose]: () => session.destroy() }
  const on = async (method: string, path: string) => {
    const stream = session.request({ ':method': method, ':path': path }).end()
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    return { headers, body: Buffer.concat(await stream.toArray()).toString() }
  }
  for (const path of [`/project.git${advertisement}`, `/missing.git${advertisement}`]) {
    const got = await on('GET', path)
    const head = await on('HEAD', path)
    assert.deepEqual(withoutId(comparable(head.headers)), withoutId(comparable(got.headers)))
    assert.notEqual(got.body, '')
    assert.equal(head.body, '')
  }
})

function withoutId({ 'x-request-id': _id, ...headers }: IncomingHttpHeaders) {
  return headers
}
