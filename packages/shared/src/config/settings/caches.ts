import type { Setting } from '../setting/setting.ts'
import { orAuto, orOff, size, text } from '../setting/values.ts'

export const caches = {
  referenceCache: {
    name: 'SLUICE_REFERENCE_CACHE',
    apps: ['supervisor'],
    takes: 'auto, off, or a size such as 512KiB, 32MiB or 1GiB',
    purpose:
      'The memory for lists of references and of capabilities. Each is given out only after a check that nothing has changed. off: for file systems whose file times cannot be trusted, such as NFS.',
    fallback: 'auto',
    fallbackRule: '64MiB; off where several hosts share one folder (SLUICE_STORAGE=shared)',
    schema: orAuto(orOff(size())),
  },
  packCache: {
    name: 'SLUICE_PACK_CACHE',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512KiB, 32MiB or 1GiB',
    purpose: 'The disk space for packs that several clients ask for at the same time, or again within five minutes.',
    fallback: '1GiB',
    schema: orOff(size()),
  },
  fetchAhead: {
    name: 'SLUICE_FETCH_AHEAD',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512MiB or 4GiB',
    purpose:
      'The disk space for what git writes ahead of clients that read slowly, so that its slot is free when git is done. One client gets a quarter of it at most. Where it is used up, git works at the pace of its clients.',
    fallback: '2GiB',
    schema: orOff(size()),
  },
  spoolFolder: {
    name: 'SLUICE_SPOOL_FOLDER',
    apps: ['supervisor'],
    takes: 'auto, or the path of a folder, of this supervisor alone',
    purpose: 'Where SLUICE_PACK_CACHE and SLUICE_FETCH_AHEAD keep packs: on a disk, not in memory. Created if missing.',
    fallback: 'auto',
    fallbackRule: '`spool` in the runtime directory',
    schema: text(),
  },
} satisfies Record<string, Setting<unknown>>
