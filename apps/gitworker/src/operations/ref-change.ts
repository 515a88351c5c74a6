/** What became of one reference of a push. */
export type RefChange = {
  /** The full name. Bytes that are not UTF-8 stand as `\xNN`: no reference can have a backslash in its name. */
  readonly ref: string
  /** The ids before and after, zeros for none. Left out where the push's command is not known. */
  readonly old?: string
  readonly new?: string
  /**
   * For a deletion: the old id that the client named, where the one that was looked up is another. If git has such an
   * object, the reference was changed in between, and it was this one.
   */
  readonly said?: string
  /** `unknown`: git has not said it, and nothing else proves it. */
  readonly result: 'ok' | 'rejected' | 'unknown' | 'refused'
  /** git's or a hook's reason for `rejected`. */
  readonly why?: string
  /** For `unknown`: the reference's id when git had ended, zeros for none; left out where that could not be found out. */
  readonly now?: string
  /** For a symbolic reference: the one that it leads to, which has changed. Not looked up without an audit log. */
  readonly target?: string
  /** The name that the push had, where a proc-receive hook has changed another reference. */
  readonly asked?: string
}
