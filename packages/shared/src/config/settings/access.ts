import { z } from 'zod'
import type { Setting } from '../setting/setting.ts'
import { checked, duration, httpAddress, orOff, text } from '../setting/values.ts'

/** The words by which an operator lets a whole network in. Nobody writes them by accident. */
export const openToNetworkWords = 'everyone on this network may read and push'

export const access = {
  access: {
    name: 'SLUICE_ACCESS',
    apps: ['gateway'],
    takes: 'open, file, jwt or forward',
    purpose:
      'Who decides what clients may do. open: nobody, so everyone may do everything. file: the two files below. jwt: signed tokens. forward: a service of your own. `docs/operate/access.md` describes each.',
    fallback: 'open',
    schema: z.enum(['open', 'file', 'jwt', 'forward']),
  },
  openToNetwork: {
    name: 'SLUICE_OPEN_TO_NETWORK',
    apps: ['gateway'],
    takes: `no, or the words: ${openToNetworkWords}`,
    purpose:
      'Whether SLUICE_ACCESS=open may listen on an address that other machines can reach. Only these words allow it.',
    fallback: 'no',
    schema: z.enum(['no', openToNetworkWords]).transform((value) => value !== 'no'),
  },
  passwordFile: {
    name: 'SLUICE_PASSWORD_FILE',
    apps: ['gateway'],
    takes: 'off, or the path of a file',
    purpose:
      'For `file`: users and the hashes of their passwords (argon2id or bcrypt), as `sluice user add` or `htpasswd -B` writes them. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  accessFile: {
    name: 'SLUICE_ACCESS_FILE',
    apps: ['gateway'],
    takes: 'off, or the path of a YAML file',
    purpose: 'For `file`: who may read, push to and create which repositories. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  tokenFile: {
    name: 'SLUICE_TOKEN_FILE',
    apps: ['gateway'],
    takes: 'off, or the path of a file',
    purpose:
      'For `file`: the tokens that clients may send in place of a password, as `sluice token create` writes them. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  jwtKeys: {
    name: 'SLUICE_JWT_KEYS',
    apps: ['gateway'],
    takes: 'off, the address of a key set such as https://id.example/jwks.json, or the path of a JWKS or PEM file',
    purpose: 'For `jwt`: the public keys that tokens are signed with. Fetched or read again when they change.',
    fallback: 'off',
    schema: orOff(text()),
  },
  jwtIssuer: {
    name: 'SLUICE_JWT_ISSUER',
    apps: ['gateway'],
    takes: 'off, or the `iss` that tokens must have',
    purpose: 'For `jwt`: who makes the tokens.',
    fallback: 'off',
    schema: orOff(text()),
  },
  jwtAudience: {
    name: 'SLUICE_JWT_AUDIENCE',
    apps: ['gateway'],
    takes: 'off, or the `aud` that tokens must have',
    purpose: 'For `jwt`: the name of this remote in tokens, so that tokens for other services are refused.',
    fallback: 'off',
    schema: orOff(text()),
  },
  jwtAlgorithms: {
    name: 'SLUICE_JWT_ALGORITHMS',
    apps: ['gateway'],
    takes: 'names such as RS256,ES256 (RS, PS or ES with 256, 384 or 512; EdDSA, Ed25519)',
    purpose: 'For `jwt`: how tokens may be signed.',
    fallback: 'RS256,PS256,ES256,EdDSA',
    isList: true,
    schema: checked(parseAlgorithms),
  },
  jwtClockSkew: {
    name: 'SLUICE_JWT_CLOCK_SKEW',
    apps: ['gateway'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'For `jwt`: how far clocks may differ when a token’s times are checked.',
    fallback: '30s',
    schema: duration(0),
  },
  accessService: {
    name: 'SLUICE_ACCESS_SERVICE',
    apps: ['gateway'],
    takes: 'off, or an address such as http://127.0.0.1:9000/allowed',
    purpose: 'For `forward`: the service that is asked about each request.',
    fallback: 'off',
    schema: orOff(httpAddress()),
  },
  accessServiceTimeout: {
    name: 'SLUICE_ACCESS_SERVICE_TIMEOUT',
    apps: ['gateway'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'For `forward`: how long the service may take; 503 after it.',
    fallback: '5s',
    schema: duration(),
  },
  accessServiceCache: {
    name: 'SLUICE_ACCESS_SERVICE_CACHE',
    apps: ['gateway'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'For `forward`: how long a reply that lets somebody in holds for the same question: log-in, client, address and method.',
    fallback: '0s',
    schema: duration(0),
  },
} satisfies Record<string, Setting<unknown>>

/** Only public keys: a shared secret would have to lie where tokens are merely checked (RFC 8725 section 3.1). */
function parseAlgorithms(value: string): string[] | undefined {
  const names = value.split(',').map((name) => name.trim())
  return names.every((name) => /^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$/.test(name)) ? names : undefined
}
