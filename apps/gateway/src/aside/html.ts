import { createHash } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import type { Exchange } from '@sluice/shared/exchange/exchange'

/**
 * Replies with a page that can do nothing: it loads, sends and embeds nothing, and runs no script, whatever it contains.
 *
 * @param style the text of the page's one `<style>`; empty for none
 */
export async function replyHtml(exchange: Exchange, html: string, style: string): Promise<void> {
  const styles = style === '' ? '' : `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; `
  const headers: OutgoingHttpHeaders = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': `default-src 'none'; ${styles}base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    // There is a page for every address, so an index of them would be endless.
    'X-Robots-Tag': 'noindex',
    'X-Request-Id': exchange.id,
  }
  await exchange.reply(200, html, headers)
}
