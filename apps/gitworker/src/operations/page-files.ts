import { readFileSync } from 'node:fs'
import { extname } from 'node:path'

export type StaticReply = {
  readonly status: 200
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** The page loads nothing from elsewhere, and no other site may show it in a frame. */
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

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
}

/** What the page loads, from the folder `status-page`. */
const assets = [
  'base.css',
  'header.css',
  'panels.css',
  'tables.css',
  'screens.css',
  'page.js',
  'panels.js',
  'tables.js',
  'rows.js',
  'elements.js',
  'format.js',
]

/** The files of the page that shows `/-/status.json` to people, by path. */
export const pageFiles: ReadonlyMap<string, StaticReply> = new Map([
  ['/-/status', replyWith('page.html')],
  ...assets.map((file): [string, StaticReply] => [`/-/status/${file}`, replyWith(file)]),
])

function replyWith(file: string): StaticReply {
  const body = readFileSync(new URL(`status-page/${file}`, import.meta.url))
  return {
    status: 200,
    headers: {
      'Content-Type': `${contentTypes[extname(file)]}; charset=utf-8`,
      'Content-Length': String(body.length),
      'Content-Security-Policy': contentSecurityPolicy,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-cache',
    },
    body,
  }
}
