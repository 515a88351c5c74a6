import { readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'

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

/** What all pages load, from the folder `page`. Scripts import it by `../page/`. */
const common = ['base.css', 'header.css', 'panels.css', 'tables.css', 'watch.js', 'rows.js', 'elements.js', 'format.js']

/**
 * The files of a page that shows a JSON document to people, by path: `/-/NAME`, what it loads at `/-/NAME/`, and what all
 * pages load at `/-/page/`.
 *
 * @param folder has `page.html`, and the files
 * @param files what the page loads of its own
 */
export function pageFilesOf(name: string, folder: URL, files: readonly string[]): ReadonlyMap<string, StaticReply> {
  return new Map([
    [`/-/${name}`, replyWith(new URL('page.html', folder))],
    ...files.map((file): [string, StaticReply] => [`/-/${name}/${file}`, replyWith(new URL(file, folder))]),
    ...common.map((file): [string, StaticReply] => [
      `/-/page/${file}`,
      replyWith(new URL(`page/${file}`, import.meta.url)),
    ]),
  ])
}

function replyWith(file: URL): StaticReply {
  const body = readFileSync(file)
  return {
    status: 200,
    headers: {
      'Content-Type': `${contentTypes[extname(basename(file.pathname))]}; charset=utf-8`,
      'Content-Length': String(body.length),
      'Content-Security-Policy': contentSecurityPolicy,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-cache',
    },
    body,
  }
}
