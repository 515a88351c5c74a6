import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createLocalJWKSet } from 'jose'
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'

/**
 * Reads the public keys of tokens: a key set (RFC 7517), or one key in PEM format.
 *
 * @throws {Error} in words
 */
export function readKeyFile(text: string, path: string): JWTVerifyGetKey {
  if (text.trimStart().startsWith('{')) {
    try {
      return createLocalJWKSet(checkKeySet(JSON.parse(text)))
    } catch (error) {
      throw new Error(`${path} is no key set (JWKS): ${(error as Error).message}`, { cause: error })
    }
  }
  if (text.includes('PRIVATE KEY')) throw new Error(`${path} holds a private key, which does not belong here`)
  const key = publicKeyIn(text, path)
  return async () => key
}

function publicKeyIn(text: string, path: string): KeyObject {
  try {
    return createPublicKey(text)
  } catch (cause) {
    throw new Error(`there is neither a key set (JWKS) nor a public key in PEM format in ${path}`, { cause })
  }
}

/** @throws {Error} where this is no key set */
export function checkKeySet(value: unknown): JSONWebKeySet {
  createLocalJWKSet(value as JSONWebKeySet)
  return value as JSONWebKeySet
}
