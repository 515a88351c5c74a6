import { readFileSync } from 'node:fs'

export type StaticReply = {
  readonly status: 200
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Nothing is loaded but what is served here, and no other site may show the page in a frame of its own. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const replies: ReadonlyMap<string, StaticReply> = new Map([
  ['/-/status', reply('page.html', 'text/html')],
  ['/-/status.css', reply('page.css', 'text/css')],
  ['/-/status.js', reply('page.js', 'text/javascript')],
])

/**
 * What makes up the page that shows `/-/status.json` to people.
 *
 * @param path without the query
 */
export function statusPage(path: string): StaticReply | undefined {
  return replies.get(path)
}

function reply(file: string, contentType: string): StaticReply {
  const body = readFileSync(new URL(`status-page/${file}`, import.meta.url))
  return {
    status: 200,
    headers: {
      'Content-Type': `${contentType}; charset=utf-8`,
      'Content-Length': String(body.length),
      'Content-Security-Policy': contentSecurityPolicy,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-cache',
    },
    body,
  }
}
