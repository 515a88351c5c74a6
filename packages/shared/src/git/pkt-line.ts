/**
 * pkt-line framing, as in gitprotocol-common(5): four hexadecimal digits with the length of the line, themselves
 * included, then the line. 0000 is the flush packet, 0001 the delimiter, 0002 the end of a response; 0003 is invalid.
 */
export const flushPacket = '0000'

export function pktLine(line: string): string {
  return (Buffer.byteLength(line) + 4).toString(16).padStart(4, '0') + line
}

/** Whether `bytes` is a whole number of well-formed pkt-lines. */
export function isPktLines(bytes: Buffer): boolean {
  let offset = 0
  while (offset < bytes.length) {
    const length = pktLength(bytes, offset)
    if (length === undefined) return false
    offset += Math.max(length, 4)
  }
  return offset === bytes.length
}

/** The length that the pkt-line at `offset` claims; undefined where there is no valid one. */
export function pktLength(bytes: Buffer, offset = 0): number | undefined {
  let length = 0
  for (let index = offset; index < offset + 4; index++) length = length * 16 + valueOf(bytes[index])
  return length === 3 || Number.isNaN(length) ? undefined : length
}

/** The value of a hexadecimal digit. It makes no strings: a megabyte may have hundreds of thousands of empty lines. */
function valueOf(digit = 0): number {
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30
  const letter = digit | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : NaN
}
