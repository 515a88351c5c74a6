import type { NewFile } from '@sluice/access/files/new-file'

/** Says who may read a file that was made, and what to do where that is not who should. */
export function newFileInWords(path: string, { mode, gid }: NewFile): string {
  return mode === 0o600
    ? `${path} is new, and only you may read it. If the gateway runs as another user, give it to that user's group: chgrp GROUP ${path} && chmod 640 ${path}`
    : `${path} is new: you and the group ${gid} may read it, to which its folder belongs.`
}
