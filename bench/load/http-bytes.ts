import type { GitRequest } from './git-request.ts'

/** The head of a request, and its body unless that is streamed. */
export function httpBytes(request: GitRequest, port: number): Buffer {
  const { service, repository, protocol, body } = request
  const head = [
    body
      ? `POST /${repository}/git-${service} HTTP/1.1`
      : `GET /${repository}/info/refs?service=git-${service} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'User-Agent: git/2.39.5',
    'Accept-Encoding: deflate, gzip',
    ...(protocol === 2 ? ['Git-Protocol: version=2'] : []),
    ...(body
      ? [`Content-Type: application/x-git-${service}-request`, `Accept: application/x-git-${service}-result`]
      : []),
    ...(body ? [body instanceof Buffer ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked'] : []),
    '\r\n',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head), ...(body instanceof Buffer ? [body] : [])])
}
