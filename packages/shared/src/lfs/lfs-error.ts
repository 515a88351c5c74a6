import { lfsMediaType } from './media-type.ts'

/** Where the API is described that an error is about. Developers of clients read it; users read `message`. */
const documentation = 'https://github.com/git-lfs/git-lfs/tree/main/docs/api'

/**
 * An error as LFS's clients read it: they show `message` to their users.
 *
 * Source: "Response Errors" in docs/api/batch.md of https://github.com/git-lfs/git-lfs
 */
export function lfsError(message: string, requestId: string): { readonly contentType: string; readonly text: string } {
  const body = { message, request_id: requestId, documentation_url: documentation }
  return { contentType: lfsMediaType, text: `${JSON.stringify(body)}\n` }
}
