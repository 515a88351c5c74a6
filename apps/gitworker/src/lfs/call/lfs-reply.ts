import type { Exchange } from '@sluice/shared/exchange/exchange'
import { lfsMediaType } from '@sluice/shared/lfs/media-type'

/** Sends a reply in the JSON of LFS's API. */
export async function replyLfs(exchange: Exchange, status: number, body: unknown): Promise<void> {
  const headers = { 'Content-Type': lfsMediaType, 'X-Request-Id': exchange.id }
  await exchange.reply(status, `${JSON.stringify(body)}\n`, headers)
}
