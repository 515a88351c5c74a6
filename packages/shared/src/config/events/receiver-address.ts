/** Where events are sent. */
export type ReceiverAddress = {
  readonly url: string
  /** The part that may be shown: `https://ci.example.org:8443`. */
  readonly origin: string
}

/** @returns the address, or why this is none */
export function parseReceiverAddress(text: string): ReceiverAddress | { readonly problem: string } {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text) || /[\s\p{Cc}\\]/u.test(text) || text.length > 4096) {
    return { problem: 'the address of a receiver is one such as https://ci.example.org/hook, with http or https' }
  }
  const { username, password, hash, origin } = new URL(text)
  if (username !== '' || password !== '') {
    return { problem: 'the address of a receiver must not have a user or a password in it: use secret_file' }
  }
  if (hash !== '') return { problem: 'the address of a receiver has no #' }
  return { url: text, origin }
}
