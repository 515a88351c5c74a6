import type { Setting } from '../../setting/setting.ts'
import { checked, orOff, wholeNumber } from '../../setting/values.ts'

export const mirrors = {
  mirrorsFile: {
    name: 'SLUICE_MIRRORS_FILE',
    apps: ['supervisor'],
    takes: 'off, or the absolute path of a YAML file',
    purpose:
      'The repositories that are copies of others elsewhere and are kept fresh: each with its upstream, how often it is asked, and where credentials are. Read again when it changes; a broken one leaves in force what was read before. See docs/operate/mirrors.md.',
    fallback: 'off',
    schema: orOff(checked(absolutePath)),
  },
  mirrorLocalFolder: {
    name: 'SLUICE_MIRROR_LOCAL_FOLDER',
    apps: ['supervisor'],
    takes: 'off, or the absolute path of a folder',
    purpose: 'Where upstreams on this machine (file://) must lie. off: none may be named.',
    fallback: 'off',
    schema: orOff(checked(absolutePath)),
  },
  mirrorSlots: {
    name: 'SLUICE_MIRROR_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 64',
    purpose:
      'How many mirrors may get objects from their upstreams at once. Looks at what an upstream has need none of these.',
    fallback: '2',
    schema: wholeNumber(1, 64),
  },
  mirrorHostSlots: {
    name: 'SLUICE_MIRROR_HOST_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 64',
    purpose: 'How many mirrors may ask the same upstream host at once.',
    fallback: '2',
    schema: wholeNumber(1, 64),
  },
} satisfies Record<string, Setting<unknown>>

function absolutePath(value: string): string | undefined {
  return value.startsWith('/') ? value : undefined
}
