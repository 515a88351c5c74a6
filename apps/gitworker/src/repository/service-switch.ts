import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Service } from '@sluice/shared/git/git-route'
import { shownSentence } from '@sluice/shared/git/read-only'
import { truthOf, valuesIn } from '../git/config-output.ts'
import { forRequest } from '../process/job/job.ts'
import type { JobOwner, RunJob } from '../process/job/job.ts'
import { ConfigLookup } from './config-lookup.ts'
import { givenKey, givenWord } from './given-mark.ts'
import { readOnly } from './read-only.ts'

/** What can be switched off. Archives are read with the rights of a fetch, and have a switch of their own besides. */
export type SwitchedService = Service | 'upload-archive'

/** Why a repository's own configuration lets nobody use a service. */
type Closed =
  | { readonly by: 'http' | 'sluice.givenfrom' }
  | { readonly by: 'sluice.readonly'; readonly sentence: string }

/**
 * Whether a repository's own configuration switches a service off: `http.uploadpack=false`, `http.receivepack=false` or `http.uploadarchive=false`,
 * as for git's http-backend(1), and for pushes `sluice.readOnly`, which is true or a sentence for those who push, and the mark
 * of one that is not renamed yet (given-mark.ts).
 */
export class ServiceSwitch {
  readonly #closed = {
    'upload-pack': new ConfigLookup<Closed | 'no'>({
      words: /uploadpack/i,
      unset: 'no',
      query: queryFor('http\\.uploadpack'),
      parse: (output) => (isOff('http.uploadpack', output) ? { by: 'http' } : 'no'),
    }),
    'receive-pack': new ConfigLookup<Closed | 'no'>({
      words: new RegExp(`receivepack|readonly|${givenWord.source}`, 'i'),
      unset: 'no',
      query: queryFor(`http\\.receivepack|sluice\\.readonly|${givenKey}`),
      parse: (output) => {
        if (isOff('http.receivepack', output)) return { by: 'http' }
        return valuesIn(output).has('sluice.givenfrom') ? { by: 'sluice.givenfrom' } : readOnlyIn(output)
      },
    }),
    'upload-archive': new ConfigLookup<Closed | 'no'>({
      words: /upload(?:pack|archive)/i,
      unset: 'no',
      query: queryFor('http\\.uploadpack|http\\.uploadarchive'),
      parse: (output) =>
        isOff('http.uploadpack', output) || isOff('http.uploadarchive', output) ? { by: 'http' } : 'no',
    }),
  } as const satisfies Record<SwitchedService, unknown>

  /**
   * @returns undefined where the service is on
   * @throws {Refusal} `repository_unreadable` where git cannot read the configuration, or a value is neither true nor
   *   false
   */
  async refusal(gitDir: string, service: SwitchedService, runJob: RunJob): Promise<Refusal | undefined> {
    const closed = await this.#closed[service].of(gitDir, runJob)
    if (closed === 'no') return undefined
    if (closed.by === 'sluice.readonly') return readOnly(closed.sentence)
    if (closed.by === 'sluice.givenfrom') return new Refusal('repository_moving', { sentence: notRenamedYet })
    const what = whatIs[service]
    return new Refusal('service_disabled', { sentence: `${what} is switched off for this repository.` })
  }
}

const notRenamedYet =
  'This repository is getting its name at the moment, and takes no pushes until its old name is gone. Please try again in a moment.'

const whatIs = {
  'upload-pack': 'Fetching',
  'receive-pack': 'Pushing',
  'upload-archive': 'Making archives',
} as const satisfies Record<SwitchedService, string>

export type ServiceSwitchServices = {
  readonly serviceSwitch: ServiceSwitch
  readonly runJob: RunJob
}

/** @throws {Refusal} `service_disabled`, `read_only`, `repository_unreadable` */
export async function checkServiceIsOn(
  { serviceSwitch, runJob }: ServiceSwitchServices,
  gitDir: string,
  { service }: { readonly service: SwitchedService },
  owner: JobOwner,
): Promise<void> {
  const refusal = await serviceSwitch.refusal(gitDir, service, forRequest(owner, runJob))
  if (refusal) throw refusal
}

function queryFor(names: string): string[] {
  return ['--null', '--get-regexp', '--end-of-options', `^(${names})$`]
}

function isOff(name: string, output: string): boolean {
  const value = valuesIn(output).get(name)
  if (value === undefined) return false
  const truth = truthOf(value)
  if (truth !== undefined) return !truth
  const cause = new Error(`bad boolean config value '${value?.slice(0, 80)}' for '${name}'`)
  throw new Refusal('repository_unreadable', { cause })
}

function readOnlyIn(output: string): Closed | 'no' {
  const sentence = readOnlySentenceIn(output)
  return sentence === null ? 'no' : { by: 'sluice.readonly', sentence }
}

/**
 * What `sluice.readOnly` says to those who push: an empty text for `true`, and null where pushes are taken. Whatever is
 * not false is meant to keep pushes out.
 */
export function readOnlySentenceIn(output: string): string | null {
  const value = valuesIn(output).get('sluice.readonly')
  if (value === undefined || truthOf(value) === false) return null
  return truthOf(value) === true ? '' : shownSentence(value ?? '')
}
