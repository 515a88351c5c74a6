import type { Event } from '../record/event.ts'

/*
 * What receivers are sent: JSON in the shape of GitHub's web hooks, which CI systems read. Sluice does not read commits, so
 * `commits` is always empty, and what is not known is left out. `sluice` has the event as it is.
 */

export type Payload = {
  /** `X-GitHub-Event`. */
  readonly name: 'push' | 'repository' | 'ping'
  readonly body: object
}

/** @param publicUrl SLUICE_PUBLIC_URL, for addresses to clone from */
export function payloadOf(event: Event, publicUrl: URL | undefined): Payload {
  const who = event.user ?? 'anonymous'
  const common = { sender: { login: who }, sluice: event }
  if (event.kind === 'push') {
    const repository = repositoryOf(event.repository, publicUrl)
    return { name: 'push', body: { ...changeOf(event), repository, pusher: { name: who }, ...common } }
  }
  const repository = repositoryOf(event.to ?? event.repository, publicUrl)
  const { action, changes } = actionOf(event)
  return { name: 'repository', body: { action, ...(changes && { changes }), repository, ...common } }
}

/** What a receiver is sent to try it. */
export function pingOf(event: Pick<Event, 'id' | 'time'>, receiver: string): Payload {
  const hook = { type: 'Repository', name: receiver, active: true }
  return { name: 'ping', body: { zen: 'Sluice says hello.', hook, sluice: { ...event, kind: 'ping' } } }
}

function changeOf({ ref = '', old = '', new: id = '' }: Event) {
  const [created, deleted] = [isNull(old), isNull(id)]
  return {
    ref,
    before: old,
    after: id,
    base_ref: null,
    created,
    deleted,
    // Of a change from one commit to another it is not known.
    ...((created || deleted) && { forced: false }),
    commits: [],
    head_commit: !deleted && ref.startsWith('refs/heads/') ? { id } : null,
  }
}

function actionOf({ kind, repository }: Event) {
  if (kind === 'create') return { action: 'created' }
  if (kind === 'delete') return { action: 'deleted' }
  return { action: 'renamed', changes: { repository: { name: { from: lastOf(repository) } } } }
}

function repositoryOf(fullName: string, publicUrl: URL | undefined) {
  const path = fullName.split('/').map(encodeURIComponent).join('/')
  const address = publicUrl && `${publicUrl.href.replace(/\/$/, '')}/${path}`
  const owner = fullName.split('/').slice(0, -1).join('/')
  return {
    name: lastOf(fullName),
    full_name: fullName,
    owner: { name: owner, login: owner },
    ...(address !== undefined && { url: address, html_url: address, clone_url: `${address}.git` }),
  }
}

function lastOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

function isNull(id: string): boolean {
  return /^0+$/.test(id)
}
