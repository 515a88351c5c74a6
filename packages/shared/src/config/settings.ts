import { files } from './settings/files.ts'
import { addresses } from './settings/addresses.ts'
import { access } from './settings/access.ts'
import { tls } from './settings/tls.ts'
import { repositories } from './settings/repositories.ts'
import { pushes } from './settings/pushes.ts'
import { lfs } from './settings/lfs/lfs.ts'
import { lfsS3 } from './settings/lfs/s3.ts'
import { capacity } from './settings/capacity.ts'
import { limits } from './settings/limits.ts'
import { times } from './settings/times.ts'
import { endings } from './settings/endings.ts'
import { caches } from './settings/caches.ts'
import { maintenance } from './settings/own-work/maintenance.ts'
import { mirrors } from './settings/own-work/mirrors.ts'
import { events } from './settings/own-work/events.ts'
import { cluster } from './settings/cluster.ts'
import { operators } from './settings/operators.ts'
import type { App, Setting } from './setting/setting.ts'

/** The settings by subject, in the order in which the reference shows them. */
export const settingGroups = [
  {
    key: 'files',
    title: 'The settings file',
    about: 'Where other settings may be, too.',
    settings: files,
  },
  {
    key: 'addresses',
    title: 'Addresses',
    about:
      'Where the applications listen, by which names they may be asked for, and whose word on a client’s address is taken.',
    settings: addresses,
  },
  {
    key: 'access',
    title: 'Access',
    about: 'Who may do what. `docs/operate/access.md` has each mode.',
    settings: access,
  },
  { key: 'tls', title: 'TLS, and trust between gateway and host', about: 'See `docs/operate/tls.md`.', settings: tls },
  {
    key: 'repositories',
    title: 'Repositories and git',
    about: 'Where repositories are, and what runs git.',
    settings: repositories,
  },
  { key: 'pushes', title: 'Pushes', about: 'What pushes may do, and what runs with them.', settings: pushes },
  {
    key: 'lfs',
    title: 'Git LFS',
    about: 'Large files beside git. See `docs/operate/lfs.md`.',
    settings: lfs,
  },
  {
    key: 'lfs-s3',
    title: 'Git LFS in S3',
    about: 'Large files in a bucket, and past the gateway. See `docs/operate/lfs.md`.',
    settings: lfsS3,
  },
  {
    key: 'capacity',
    title: 'How much at once',
    about: 'Most of these follow from the machine. The first line of the supervisor’s log says how.',
    settings: capacity,
  },
  {
    key: 'limits',
    title: 'What one git may use',
    about:
      'Each limit is for every process of a request by itself, hooks included. They need the launcher (SLUICE_WORKER_RUNTIME). See `docs/operate/limits.md`.',
    settings: limits,
  },
  { key: 'times', title: 'Times and rates', about: 'How long things may take.', settings: times },
  {
    key: 'endings',
    title: 'How requests and applications end',
    about: 'How git is ended when its client has left, and what happens after SIGTERM.',
    settings: endings,
  },
  {
    key: 'maintenance',
    title: 'Maintenance',
    about: 'What keeps repositories in shape. See `docs/operate/maintenance.md`.',
    settings: maintenance,
  },
  {
    key: 'mirrors',
    title: 'Mirrors',
    about: 'Repositories that are kept as copies of others elsewhere. See `docs/operate/mirrors.md`.',
    settings: mirrors,
  },
  {
    key: 'events',
    title: 'Events',
    about: 'Who is told of pushes and of changes to repositories. See `docs/operate/events.md`.',
    settings: events,
  },
  {
    key: 'cluster',
    title: 'Several hosts',
    about: 'See `docs/operate/cluster.md`. One host needs none of these.',
    settings: cluster,
  },
  { key: 'caches', title: 'Caches', about: 'What saves running git.', settings: caches },
  { key: 'operators', title: 'Logs, metrics and traces', about: 'What operators see.', settings: operators },
] as const satisfies readonly SettingGroup[]

/** The settings of one subject, with a word about them. */
export type SettingGroup = {
  /** Its name in a settings file. */
  readonly key: string
  readonly title: string
  readonly about: string
  readonly settings: Readonly<Record<string, Setting<unknown>>>
}

/**
 * Every SLUICE_* variable of both applications, by the name that the code uses. One environment may serve both: each
 * application knows all names and reads the settings that are its own. `npm run docs` makes the reference from this
 * table.
 */
export const settings = {
  ...files,
  ...addresses,
  ...access,
  ...tls,
  ...repositories,
  ...pushes,
  ...lfs,
  ...lfsS3,
  ...capacity,
  ...limits,
  ...times,
  ...endings,
  ...maintenance,
  ...mirrors,
  ...events,
  ...cluster,
  ...caches,
  ...operators,
}

type Settings = typeof settings

/** The settings that an application reads. */
export type SettingsOf<A extends App> = {
  [K in keyof Settings as A extends Settings[K]['apps'][number] ? K : never]: Settings[K]
}

export function settingsOf<A extends App>(app: A): SettingsOf<A> {
  const own = Object.entries(settings).filter(([, { apps }]) => (apps as readonly App[]).includes(app))
  return Object.fromEntries(own) as SettingsOf<A>
}
