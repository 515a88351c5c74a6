/** S3 refuses other bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
export function checksumHeader(oid: string): { readonly 'x-amz-checksum-sha256': string } {
  return { 'x-amz-checksum-sha256': base64Of(oid) }
}

/** @param oid a SHA-256 in hexadecimal digits. @returns the same as S3 writes it */
export function base64Of(oid: string): string {
  return Buffer.from(oid, 'hex').toString('base64')
}
