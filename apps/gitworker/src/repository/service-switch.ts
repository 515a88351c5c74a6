import type { GitRequest, Service } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { abortedBy } from '../process/job.ts'
import type { RunJob } from '../process/job.ts'
import { ConfigQuestion } from './config-lookup.ts'

/**
 * Whether a repository's own configuration switches a service off: `http.uploadpack=false` or `http.receivepack=false`,
 * as for git's http-backend(1).
 */
export class ServiceSwitch {
  readonly #question = new ConfigQuestion<boolean>(/receivepack|uploadpack/i, false, ask)

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async isOff(gitDir: string, service: Service, runJob: RunJob): Promise<boolean> {
    return this.#question.answer(gitDir, service, runJob)
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
  signal: AbortSignal,
): Promise<void> {
  if (!(await serviceSwitch.isOff(gitDir, service, abortedBy(signal, runJob)))) return
  const what = service === 'upload-pack' ? 'Fetching' : 'Pushing'
  throw new Refusal('service_disabled', { sentence: `${what} is switched off for this repository.` })
}

async function ask(gitDir: string, service: string, runJob: RunJob): Promise<boolean> {
  const name = `http.${service.replace('-', '')}`
  const args = ['--git-dir', gitDir, 'config', '--type=bool', '--get', '--end-of-options', name]
  // 1: not set.
  return (await runJob(args, { okCodes: [0, 1] })).trim() === 'false'
}
