import type { GitRequest, Service } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { forRequest } from '../process/job.ts'
import type { JobOwner, RunJob } from '../process/job.ts'
import { ConfigLookup } from './config-lookup.ts'

/**
 * Whether a repository's own configuration switches a service off: `http.uploadpack=false` or `http.receivepack=false`,
 * as for git's http-backend(1).
 */
export class ServiceSwitch {
  readonly #isOff = {
    'upload-pack': new ConfigLookup(subjectOf('uploadpack')),
    'receive-pack': new ConfigLookup(subjectOf('receivepack')),
  } as const satisfies Record<Service, ConfigLookup<boolean>>

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async isOff(gitDir: string, service: Service, runJob: RunJob): Promise<boolean> {
    return await this.#isOff[service].of(gitDir, runJob)
  }
}

export type ServiceSwitchServices = {
  readonly serviceSwitch: ServiceSwitch
  readonly runJob: RunJob
}

/** @throws {Refusal} `service_disabled`, `repository_unreadable` */
export async function checkServiceIsOn(
  { serviceSwitch, runJob }: ServiceSwitchServices,
  gitDir: string,
  { service }: GitRequest,
  owner: JobOwner,
): Promise<void> {
  if (!(await serviceSwitch.isOff(gitDir, service, forRequest(owner, runJob)))) return
  const what = service === 'upload-pack' ? 'Fetching' : 'Pushing'
  throw new Refusal('service_disabled', { sentence: `${what} is switched off for this repository.` })
}

function subjectOf(name: string) {
  return {
    words: new RegExp(name, 'i'),
    unset: false,
    query: ['--type=bool', '--get', '--end-of-options', `http.${name}`],
    parse: (output: string) => output.trim() === 'false',
  }
}
