/**
 * Text that others have written, such as a name or what git said, without characters that steer a terminal or turn the
 * direction of text.
 */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD')
}
