import { html } from 'hono/html'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { OriginOptions } from '../client/original-request.ts'
import { replyHtml } from './html.ts'
import { hostAsked, repositoryAddress, repositoryIn, serverAddress } from './repository-address.ts'

/** How many parts of an import path name the repository. `whole`: all. */
export type RepositoryParts = 'whole' | number

/**
 * Tells Go where the repository of an import path is: https://go.dev/ref/mod#vcs-find. The answer is made from the path
 * alone. With `whole`, Go asks for a path and for each shorter one, is told of a repository for each, and finds out through
 * git which of them exist.
 *
 * @param path decoded
 * @throws {Refusal} `not_a_git_address` for what is not an import path
 */
export async function answerGoImport(
  exchange: Exchange,
  path: string,
  { origin, goRepositoryParts }: { readonly origin: OriginOptions; readonly goRepositoryParts: RepositoryParts },
): Promise<undefined> {
  const { incoming } = exchange
  const name = importedRepository(path, goRepositoryParts)
  if (name === undefined) throw new Refusal('not_a_git_address')
  const address = repositoryAddress(incoming, name, origin)
  // Where a proxy has changed the host, Go has asked the public one. Go ignores prefixes that do not fit.
  const servers = [hostAsked(incoming, origin), serverAddress(incoming, origin).replace(/^https?:\/\//, '')]
  const prefixes = [...new Set(servers)].map((server) => `${server}/${name}`)
  const tags = prefixes.map((prefix) => html`<meta name="go-import" content="${prefix} git ${address}" />`)
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        ${tags}
        <title>${name}</title>
      </head>
      <body>
        go get ${prefixes[0]}
      </body>
    </html> `
  await replyHtml(exchange, String(page), '')
}

/** Import paths as `module.CheckImportPath` in golang.org/x/mod has them. */
const importPath = /^\/[\w.~+-]+(?:\/[\w.~+-]+)*\/?$/

/** A module's major version, which is not part of its repository's name: https://go.dev/ref/mod#major-version-suffixes */
const majorVersion = /\/v(?:[2-9]|[1-9]\d+)$/

export function importedRepository(path: string, parts: RepositoryParts): string | undefined {
  if (!importPath.test(path)) return undefined
  const name = repositoryIn(path)
  if (/\.git$/i.test(name)) return name
  if (parts === 'whole') return name.replace(majorVersion, '')
  const all = name.split('/')
  return all.length < parts ? undefined : all.slice(0, parts).join('/')
}
