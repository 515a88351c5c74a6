import { z } from 'zod'
import { parseReadOnly } from '../../git/read-only.ts'
import type { ReadOnlyTable } from '../../git/read-only.ts'
import { parseRefRules } from '../../git/ref-rules.ts'
import type { RefRule } from '../../git/ref-rules.ts'
import { parsePatternTable } from '../../git/repository-pattern.ts'
import type { Setting } from '../setting/setting.ts'
import { checked, orOff, parseSize, size, text, toggle } from '../setting/values.ts'

export const pushes = {
  createOnPush: {
    name: 'SLUICE_CREATE_ON_PUSH',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose: 'Whether a push to a repository that does not exist creates it.',
    fallback: 'off',
    schema: toggle(),
  },
  defaultObjectFormat: {
    name: 'SLUICE_DEFAULT_OBJECT_FORMAT',
    apps: ['supervisor'],
    takes: 'sha1 or sha256',
    purpose:
      'The hash function of repositories that are created by pushing. Clients with the other one cannot push to a new name.',
    fallback: 'sha1',
    schema: z.enum(['sha1', 'sha256']),
  },
  maxPush: {
    name: 'SLUICE_MAX_PUSH',
    apps: ['supervisor'],
    takes: 'off, a size, or pairs such as big/**=20GiB, **=2GiB',
    purpose:
      'The largest pack that a push may bring. A repository’s own receive.maxInputSize counts where it is smaller. The first pattern that fits a repository’s name, without .git, decides; * stands for a part of the name, ** for any number of parts.',
    fallback: 'off',
    isList: true,
    schema: sizesByPattern(),
  },
  maxRepository: {
    name: 'SLUICE_MAX_REPOSITORY',
    apps: ['supervisor'],
    takes: 'off, a size, or pairs such as big/**=200GiB, **=10GiB',
    purpose:
      'How large the objects of a repository may get by pushes: its packs and loose objects, without what it borrows from others. The first pattern that fits a repository’s name, without .git, decides. See docs/operate/push-rules.md.',
    fallback: 'off',
    isList: true,
    schema: sizesByPattern(),
  },
  readOnly: {
    name: 'SLUICE_READ_ONLY',
    apps: ['supervisor'],
    takes:
      'off, patterns such as legacy/**=This is now on git.example.org; team/*, or the absolute path of a file with one of them a line',
    purpose:
      'The repositories that take no pushes, each with a sentence for those who try, or without one. Semicolons separate them: sentences may have commas. A file is read again when it changes. See docs/operate/push-rules.md.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform((): ReadOnlyTable => []), checked(parseReadOnlySetting)]),
  },
  protectedRefs: {
    name: 'SLUICE_PROTECTED_REFS',
    apps: ['supervisor'],
    takes: 'off, or rules such as **:refs/heads/main=no-force, team/*:refs/tags/**=no-delete+no-force',
    purpose:
      'What pushes may not do, by patterns of repositories and of references: no-force (which forbids deleting, too), no-delete, or nobody. The protections of all rules that fit are joined. See docs/operate/push-rules.md.',
    fallback: 'off',
    isList: true,
    schema: z.union([z.literal('off').transform((): RefRule[] => []), checked(parseRefRules)]),
  },
  fsckObjects: {
    name: 'SLUICE_FSCK_OBJECTS',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether pushed objects are checked (receive.fsckObjects), unless the repository’s configuration says otherwise.',
    fallback: 'on',
    schema: toggle(),
  },
  fsync: {
    name: 'SLUICE_FSYNC',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether a push is on the disk before it is acknowledged (core.fsync, unless the repository’s configuration says otherwise). off leaves it to the file system when that is written, as git does by itself. See docs/operate/push-rules.md.',
    fallback: 'on',
    schema: toggle(),
  },
  reflogs: {
    name: 'SLUICE_REFLOGS',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether git keeps the old values of references that are pushed to, with who changed them (core.logAllRefUpdates=always), unless the repository’s configuration says otherwise. See docs/operate/undo.md.',
    fallback: 'on',
    schema: toggle(),
  },
  hooksFolder: {
    name: 'SLUICE_HOOKS_FOLDER',
    apps: ['supervisor'],
    takes: 'off, or the path of a folder',
    purpose:
      'Hooks for all repositories, which run before a repository’s own hooks of the same name: pre-receive, update, post-receive, post-update, reference-transaction. The folder is read at the start only. See docs/operate/hooks.md.',
    fallback: 'off',
    schema: orOff(text()),
  },
  gnupgHome: {
    name: 'SLUICE_GNUPG_HOME',
    apps: ['supervisor'],
    takes: 'off, or the absolute path of a folder',
    purpose:
      'GNUPGHOME for pushes: the keys that signed pushes are checked with (receive.certNonceSeed, in a repository’s configuration). Hooks see it, too.',
    fallback: 'off',
    schema: orOff(checked((value) => (value.startsWith('/') ? value : undefined))),
  },
  minFreeDisk: {
    name: 'SLUICE_MIN_FREE_DISK',
    apps: ['supervisor'],
    takes: 'auto, or an amount such as 500MiB or 0B',
    purpose:
      'What pushes must leave free on the disk of the repositories. Where less is free, or few inodes are, pushes are refused and reads go on. auto: a hundredth of the disk, at least 64 MiB (or a twentieth of the disk, if that is less) and at most 1 GiB.',
    fallback: 'auto',
    schema: z.union([
      z.literal('auto').transform(() => undefined),
      checked((value) => (value === '0B' ? 0 : parseSize(value))),
    ]),
  },
} satisfies Record<string, Setting<unknown>>

/** Sizes for repositories by patterns of their names. One size is for all. */
function sizesByPattern() {
  return z.union([
    z.literal('off').transform(() => []),
    size().transform((bytes) => [{ pattern: '**', value: bytes }]),
    checked((value) => parsePatternTable(value, parseSize)),
  ])
}

/** The path of a file, or the table itself. */
function parseReadOnlySetting(value: string): string | ReturnType<typeof parseReadOnly> {
  return value.startsWith('/') ? value : parseReadOnly(value)
}
