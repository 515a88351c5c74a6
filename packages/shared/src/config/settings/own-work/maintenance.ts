import type { Setting } from '../../setting/setting.ts'
import { longDuration, orOff, toggle, wholeNumber } from '../../setting/values.ts'

export const maintenance = {
  maintenance: {
    name: 'SLUICE_MAINTENANCE',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether repositories that are pushed to or fetched from are kept in shape: packs joined, references packed, what nothing needs removed. maintenance.auto=false in a repository’s configuration turns it off there.',
    fallback: 'on',
    schema: toggle(),
  },
  maintenanceSlots: {
    name: 'SLUICE_MAINTENANCE_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 64',
    purpose:
      'How many repositories are worked on at once. None is begun while the host is short of memory or processor time.',
    fallback: '1',
    schema: wholeNumber(1, 64),
  },
  maintenanceGrace: {
    name: 'SLUICE_MAINTENANCE_GRACE',
    apps: ['supervisor'],
    takes: 'off, or a time of at least 1h such as 24h, 14d or 90d',
    purpose:
      'How long objects that nothing needs are kept, counted from when maintenance first finds them. off: for ever. A push or a fetch that takes longer than this may fail.',
    fallback: '14d',
    schema: orOff(longDuration(3_600_000)),
  },
  bundleClones: {
    name: 'SLUICE_BUNDLE_CLONES',
    apps: ['supervisor'],
    takes: 'off, or a whole number from 1 to 1000000',
    purpose:
      'How many whole clones of a repository in a day make it one that is cloned often. Maintenance then writes a bundle of its default branch, which clients with transfer.bundleURI=true download as a file. Needs git 2.40, and disk space once more for such repositories.',
    fallback: 'off',
    schema: orOff(wholeNumber(1, 1_000_000)),
  },
} satisfies Record<string, Setting<unknown>>
