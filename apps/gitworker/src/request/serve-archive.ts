import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import type { ArchiveName } from '@sluice/shared/git/archive-name'
import { isAtClient, weakTag } from '@sluice/shared/http/entity-tag'
import { noCache } from '@sluice/shared/http/no-cache'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { VisibleCommits } from '../archive/visible-commits.ts'
import { archiveFolder, attachment } from '../archive/archive-names.ts'
import { laneOf } from '../capacity/admission.ts'
import { archiveCommand } from '../git/archive-command.ts'
import type { GitCommand, GitOptions } from '../git/command.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import type { ServiceSwitchServices } from '../repository/service-switch.ts'
import type { GitCall } from './git-call.ts'
import type { Readers } from './readers.ts'
import { serveRead } from './serve-fetch.ts'
import type { Slots } from './slots.ts'

export type ArchiveServices = {
  readonly readers: Readers
  readonly slots: Slots
  readonly commits: VisibleCommits
  readonly settings: ServiceSwitchServices
  readonly git: GitOptions
  readonly gitVersion: string
  /** Whether archives are served at all. */
  readonly isOn: boolean
  /** Whether several clients may read one archive. */
  readonly sharesPacks: boolean
}

/**
 * Serves archives: git-archive(1). The commit is found first, so that a client that has the archive of this commit needs no
 * git, and so that what is written is that commit whatever becomes of its branch.
 */
export class Archives {
  readonly #services: ArchiveServices

  constructor(services: ArchiveServices) {
    this.#services = services
  }

  /** @throws {Refusal} `service_disabled`, `bad_archive_name`, `archive_missing`; where git cannot be started, or the exchange ends */
  async serve(call: GitCall, gitDir: string, archive: ArchiveName): Promise<void> {
    const { readers, settings, git, gitVersion, isOn, sharesPacks } = this.#services
    const { exchange, request, claim } = call
    if (!isOn) throw new Refusal('service_disabled', { sentence: 'Archives are switched off on this server.' })
    await checkServiceIsOn(settings, gitDir, { service: 'upload-archive' }, exchange)
    const commit = await this.#find(call, gitDir, archive)
    const folder = archiveFolder(request.repository, archive)
    const tag = weakTag(`${commit}.${archive.format}`)
    if (isAtClient(exchange.incoming.headers, tag)) return await exchange.reply(304, '', { ETag: tag })
    const headers = { ...noCache, ...headersOf(folder, archive), ETag: tag }
    if (exchange.incoming.method === 'HEAD') {
      exchange.outgoing.writeHead(200, headers)
      return await exchange.finish()
    }
    const command = archiveCommand(git, gitVersion, gitDir, { ...archive, commit, folder })
    await serveRead(readers, call, {
      request,
      gitDir,
      body: undefined,
      claim,
      lane: laneOf(request),
      packKey: sharesPacks ? keyOf(command, gitVersion, gitDir) : undefined,
      referenceKey: undefined,
      download: { command, headers },
    })
  }

  /** A git that looks for a commit has a slot, too: a client that guesses names must not keep others from theirs. */
  async #find(call: GitCall, gitDir: string, { ref }: ArchiveName): Promise<string> {
    const { commits, slots } = this.#services
    const { exchange, request, claim, record } = call
    const known = commits.lookUp(gitDir, ref)
    if (known !== undefined) return known
    const lane = laneOf(request)
    record.phase = 'queued'
    using _idleLimit = slots.extendIdleLimit(exchange, lane)
    using _slot = await slots.take({ lane, claim, body: undefined }, exchange.signal)
    record.phase = 'starting'
    return await commits.find(gitDir, ref, exchange)
  }
}

const types = { 'tar.gz': 'application/gzip', 'zip': 'application/zip' } as const

function headersOf(folder: string, { format }: ArchiveName) {
  return {
    'Content-Type': types[format],
    'Content-Disposition': attachment(`${folder}.${format}`),
    'X-Content-Type-Options': 'nosniff',
  }
}

/** What an archive depends on besides the state of its repository. */
function keyOf({ argv }: GitCommand, gitVersion: string, gitDir: string): string {
  const attributes = statSync(`${gitDir}/info/attributes`, { throwIfNoEntry: false })
  const parts = [gitVersion, argv, attributes?.mtimeMs, attributes?.ino]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
}
