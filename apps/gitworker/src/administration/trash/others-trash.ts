import type { OtherTrashes } from '../../copies/trash/other-trashes.ts'

/** The trash of the other hosts of a cluster. `unasked`: this host is stopped, and cannot ask them. */
export type OthersTrash = Pick<OtherTrashes, 'remove' | 'list'> | 'unasked'
