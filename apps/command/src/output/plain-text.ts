/**
 * Names as files and clients give them, without what would steer a terminal or turn the direction of text: such
 * characters are shown as `\u{202e}`.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`)
}
