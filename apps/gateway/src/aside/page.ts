import { html, raw } from 'hono/html'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { OriginOptions } from '../client/original-request.ts'
import { replyHtml } from './html.ts'
import { repositoryAddress, repositoryIn, serverAddress } from './repository-address.ts'

/**
 * Replies with what a person sees who opens an address of this remote in a browser. The page is made from the address
 * alone, so it is the same whether or not the repository exists, and its status is always 200. A 404 would tell people and
 * link checkers that a good clone address is wrong.
 *
 * @param path decoded
 * @throws {Refusal} where the path cannot be a repository's
 */
export async function answerPage(
  exchange: Exchange,
  path: string,
  { origin }: { readonly origin: OriginOptions },
): Promise<undefined> {
  const { incoming, outgoing } = exchange
  const name = repositoryIn(path)
  const page =
    name === ''
      ? rootPage(serverAddress(incoming, origin))
      : repositoryPage(name, repositoryAddress(incoming, name, origin))
  outgoing.appendHeader('Vary', 'Accept')
  await replyHtml(exchange, String(await page), style)
}

function rootPage(server: string) {
  return pageOf(
    'A git remote',
    html`<h1>A git remote</h1>
      <p>
        This server keeps git repositories. There is nothing to look at in a browser. Use git, with the name of a
        repository in the place of <em>team/project</em>:
      </p>
      <pre><code>git clone ${server}/<em>team/project</em>.git</code></pre>
      <p class="more">git asks for a user name and a password or a token where they are needed.</p>`,
  )
}

function repositoryPage(name: string, address: string) {
  return pageOf(
    name,
    html`<h1><bdi>${name}</bdi></h1>
      <p>
        This is an address for git. There is nothing to look at in a browser. If there is a repository of this name that
        you may read, this copies it to your machine:
      </p>
      <pre><code>git clone ${address}</code></pre>
      <p class="more">
        git asks for a user name and a password or a token where they are needed. This page is the same for every name,
        whether or not there is such a repository.
      </p>`,
  )
}

function pageOf(title: string, main: ReturnType<typeof html>) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        ${raw(`<style>${style}</style>`)}
      </head>
      <body>
        <main>${main}</main>
      </body>
    </html> `
}

/** One click selects the whole command. */
const style = `
:root { color-scheme: light dark; --ink: #1c2128; --soft: #57606a; --page: #f6f7f9; --sheet: #fff; --line: #d8dee4; --code: #eef1f4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa4af; --page: #14171c; --sheet: #1c2027; --line: #323943; --code: #262c35 }
}
* { box-sizing: border-box }
body { margin: 0; padding: clamp(1rem, 8vh, 5rem) 1rem; background: var(--page); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif }
main { max-width: 42rem; margin: 0 auto; padding: clamp(1rem, 5vw, 2.5rem); background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere }
p { margin: 0 0 1rem }
pre { margin: 0 0 1rem; padding: .75rem 1rem; background: var(--code); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere }
code { font: .95rem/1.5 ui-monospace, monospace; user-select: all; -webkit-user-select: all }
em { font-style: italic }
.more { margin: 0; color: var(--soft); font-size: .9rem }
`
