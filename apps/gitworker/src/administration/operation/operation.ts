import type { ObjectFormat } from '../../creation/create-repository.ts'

/**
 * What may be done to repositories, each as a value that can be logged, and sent on to another host. Names are as a client
 * would address them.
 */
export type Operation =
  | {
      readonly kind: 'create'
      readonly repository: string
      /** The host's default if undefined. */
      readonly objectFormat: ObjectFormat | undefined
      /** The branch that HEAD points to. A guess that the first push settles, if undefined. */
      readonly head: string | undefined
      readonly description: string | undefined
    }
  | { readonly kind: 'rename'; readonly repository: string; readonly to: string }
  | { readonly kind: 'delete'; readonly repository: string }
  | { readonly kind: 'restore'; readonly id: string; readonly to: string | undefined }
  /** `repository` where the trash of this host may have nothing of it, and that of others may. */
  | { readonly kind: 'purge'; readonly id: string; readonly repository?: string | undefined }
  | { readonly kind: 'fork'; readonly repository: string; readonly to: string; readonly isIndependent: boolean }
  | { readonly kind: 'head'; readonly repository: string; readonly branch: string }
  /** `readOnly`: the sentence for those who push, or an empty text; null where it takes pushes again. */
  | { readonly kind: 'readonly'; readonly repository: string; readonly readOnly: string | null }
  | { readonly kind: 'gc'; readonly repository: string }
  | { readonly kind: 'fsck'; readonly repository: string }
  /** Removes objects of LFS that no reference needs and nobody has asked for since. */
  | {
      readonly kind: 'lfs-prune'
      readonly repository: string
      readonly isDryRun: boolean
      readonly minAgeMs: number
    }
  /** Runs a mirror now. */
  | { readonly kind: 'mirror'; readonly repository: string }

export type OperationKind = Operation['kind']

export type OperationOf<K extends OperationKind> = Extract<Operation, { kind: K }>

/** What a running operation needs to know of whoever wants it. */
export type Progress = {
  /** Ends what may be ended: waits, and what only reads or can be begun again. */
  readonly signal: AbortSignal
  /** Called with a line of text for people. */
  readonly tell: (line: string) => void
}
