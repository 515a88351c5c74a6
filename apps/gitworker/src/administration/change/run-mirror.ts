import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Mirrors } from '../../mirrors/mirrors.ts'
import type { MirrorStatus } from '../../operations/host-status.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'

export type MirrorServices = {
  /** Undefined where there is no file of mirrors, or the host is stopped. */
  readonly mirrors: Pick<Mirrors, 'run' | 'all'> | undefined
}

/** Runs a mirror now, whatever its interval. @throws {Refusal} `repository_missing`, `operation_failed` */
export async function runMirrorNow(
  { mirrors }: MirrorServices,
  { repository }: OperationOf<'mirror'>,
  { signal, tell }: Progress,
): Promise<MirrorStatus> {
  if (!mirrors) throw noMirrors()
  tell('asking the upstream')
  return await mirrors.run(repository, signal)
}

export function noMirrors(): Refusal {
  return new Refusal('operation_failed', {
    sentence: 'This host has no mirrors: SLUICE_MIRRORS_FILE names no file, or the host is stopped.',
  })
}
