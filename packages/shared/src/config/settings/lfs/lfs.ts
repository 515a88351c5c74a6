import type { Setting } from '../../setting/setting.ts'
import { orOff, size, toggle, wholeNumber } from '../../setting/values.ts'

export const lfs = {
  lfs: {
    name: 'SLUICE_LFS',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether the objects of Git LFS are kept here, in the repositories that they belong to. off: clients of LFS are told that it is not offered.',
    fallback: 'on',
    schema: toggle(),
  },
  lfsSlots: {
    name: 'SLUICE_LFS_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 10000',
    purpose:
      'How many objects of LFS are uploaded and downloaded at once. Each takes two descriptors and up to 2 MiB of memory, and no process. git-lfs moves 8 at once for each of its users.',
    fallback: '64',
    schema: wholeNumber(1, 10_000),
  },
  maxLfsObject: {
    name: 'SLUICE_MAX_LFS_OBJECT',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512KiB, 32MiB or 1GiB',
    purpose:
      'The largest object that may be uploaded. SLUICE_MAX_REPOSITORY bounds all objects of a repository together.',
    fallback: 'off',
    schema: orOff(size()),
  },
} satisfies Record<string, Setting<unknown>>
