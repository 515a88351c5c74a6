import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { CredentialsForm } from '@sluice/shared/config/mirrors/mirror-form'
import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { originOf } from '@sluice/shared/config/mirrors/upstream'
import { configText } from '../../git/config-file.ts'
import type { ConfigSetting } from '../../git/config-file.ts'
import { isBelow } from '../../repository/repository.ts'
import { MirrorError } from './mirror-error.ts'

/*
 * What one run of a mirror has for itself, in a folder that only this user can read, and that is removed after the run:
 *
 *   gitconfig     in place of a user's configuration: how to reach the upstream, and the credential helper
 *   credentials   user and password, as git-credential-store(1) reads them
 *
 * So a password is in no argument, no variable, and no address. A helper that an operator has named is run by git itself.
 */

export type RunFiles = AsyncDisposable & { readonly config: string }

export type RunFilesServices = {
  /** In the runtime directory. */
  readonly folder: string
  /** What all git commands of this host have. */
  readonly common: readonly ConfigSetting[]
  readonly checkObjects: boolean
  /** Below which upstreams on this machine must lie; undefined where none may be named. */
  readonly localFolder: string | undefined
}

const maxSecretBytes = 64 * 1024

/** Removes what an earlier supervisor has left. None of its processes may live any more. */
export async function clearRunFiles(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
}

/** @throws {MirrorError} `credentials` */
export async function openRunFiles(mirror: Mirror, services: RunFilesServices): Promise<RunFiles> {
  const folder = await mkdtemp(join(services.folder, 'run-'))
  await using held = new AsyncDisposableStack()
  held.defer(() => rm(folder, { recursive: true, force: true }))
  const config = join(folder, 'gitconfig')
  const helper = mirror.credentials && (await helperFor(mirror.credentials, mirror, folder))
  await writePrivately(config, configText(settingsFor(mirror, services, helper)))
  const ends = held.move()
  return { config, [Symbol.asyncDispose]: () => ends.disposeAsync() }
}

function settingsFor(mirror: Mirror, { common, checkObjects }: RunFilesServices, helper?: string): ConfigSetting[] {
  const { caFile, proxy, stall, minRate, upstream } = mirror
  return [
    ...common,
    ['fetch.fsckObjects', String(mirror.checkObjects ?? checkObjects)],
    // curl ends a transfer that is slower for so long. git sends 5 bytes each 5 seconds while it prepares a pack.
    ['http.lowSpeedLimit', String(minRate)],
    ['http.lowSpeedTime', String(Math.ceil(stall / 1000))],
    ...setting('http.sslCAInfo', caFile),
    ...setting('http.proxy', proxy),
    ...(helper === undefined
      ? []
      : ([
          [`credential.${originOf(upstream)}.helper`, helper],
          // git 2.46: not only after a 401.
          ['http.proactiveAuth', 'basic'],
        ] as const)),
  ]
}

function setting(name: string, value: string | undefined): ConfigSetting[] {
  return value === undefined ? [] : [[name, value]]
}

/** @returns what git calls for credentials: gitcredentials(7) */
async function helperFor(credentials: CredentialsForm, mirror: Mirror, folder: string): Promise<string> {
  if ('command' in credentials) return credentials.command
  const isToken = 'token_file' in credentials
  const secret = await readSecret(isToken ? credentials.token_file : credentials.password_file)
  // Forges take any name with a token.
  const user = credentials.user ?? 'token'
  const file = join(folder, 'credentials')
  const { scheme, host } = mirror.upstream
  await writePrivately(file, `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@${host}\n`)
  return `store --file=${quoted(file)}`
}

/** @throws {MirrorError} `credentials` */
async function readSecret(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > maxSecretBytes) throw new MirrorError('credentials', `${path} is larger than 64 KiB.`)
    const [line = ''] = (await readFile(path, 'utf8')).split('\n')
    const secret = line.trim()
    if (secret === '') throw new MirrorError('credentials', `${path} is empty.`)
    return secret
  } catch (error) {
    if (error instanceof MirrorError) throw error
    throw new MirrorError('credentials', `${path}: ${errnoOf(error)}.`, error)
  }
}

async function writePrivately(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
}

/** For the shell that git runs helpers with. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/**
 * What git is told to fetch from.
 *
 * @throws {MirrorError} `not_found`, where a file does not lie where it may, links followed
 */
export async function addressOf({ upstream }: Mirror, localFolder: string | undefined): Promise<string> {
  if (upstream.scheme !== 'file') return upstream.url
  if (localFolder === undefined)
    throw new MirrorError('not_found', 'SLUICE_MIRROR_LOCAL_FOLDER names no folder for it.')
  const [path, folder] = [await realOrNothing(upstream.path), await realOrNothing(localFolder)]
  if (path !== undefined && folder !== undefined && isBelow(folder, path)) return `file://${path}`
  throw new MirrorError('not_found', `${upstream.path} is not below SLUICE_MIRROR_LOCAL_FOLDER.`)
}

async function realOrNothing(path: string): Promise<string | undefined> {
  return await realpath(path).catch(() => undefined)
}
