import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { plainName } from '@sluice/shared/git/repository-name'
import type { RepositoryRights } from '../rights.ts'

const mostScopes = 200
const longestScope = 512

/**
 * What a token's scopes allow on a repository: `repo:read`, `repo:write` and `repo:create` for all repositories, or
 * each with a pattern, `repo:write:team/**`. They add up. Scopes of other services mean nothing here.
 *
 * @param scope the claim: names with spaces between them (RFC 8693 section 4.2), or a list of names
 * @param repository as it was addressed: patterns are about its plain name
 */
export function rightsOf(scope: unknown, repository: string): RepositoryRights {
  const granted = new Set(scopesFor(scope, repository).map(({ right }) => right))
  const rights = granted.has('write') ? 'write' : granted.has('read') ? 'read' : 'none'
  return { rights, mayCreate: granted.has('write') && granted.has('create') }
}

/** The scopes that are about a repository. */
export function scopesFor(scope: unknown, repository: string): { readonly name: string; readonly right: string }[] {
  const plain = plainName(repository)
  return namesIn(scope)
    .map((name) => /^repo:(read|write|create)(?::(.+))?$/.exec(name))
    .filter((found) => found !== null)
    .filter(([, , pattern]) => pattern === undefined || fitsPattern(pattern)(plain))
    .map(([name, right]) => ({ name, right: right! }))
}

function namesIn(scope: unknown): string[] {
  const names = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope : []
  return names.slice(0, mostScopes).filter((name) => typeof name === 'string' && name.length <= longestScope)
}
