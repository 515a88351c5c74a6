import type { Service } from './git-route.ts'
import { Refusal } from '../refusal/refusal.ts'

/**
 * The one answer for repositories that do not exist and for those that the client may not read, so that nobody can tell
 * which.
 */
export function repositoryMissing(service: Service): Refusal {
  const sentence = 'There is no repository of this name that you may read, and a push does not create one here.'
  return new Refusal('repository_missing', service === 'receive-pack' ? { sentence } : {})
}
