import { ConfigError } from '@sluice/shared/config/config-error'
import { isLoopback } from '@sluice/shared/network/loopback'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GatewayConfig } from '../config/config.ts'
import { Access } from '../access/access.ts'
import type { Authority } from '../access/authority.ts'
import { openFileAccess } from '../access/file/file-access.ts'
import { openForwardAccess } from '../access/forward/forward-access.ts'
import { openJwtAccess } from '../access/jwt/jwt-access.ts'
import { LoginThrottle } from '../access/throttle/login-throttle.ts'
import { openUnguardedAccess } from '../access/unguarded/unguarded-access.ts'

/**
 * Starts what decides who may do what, in the mode of `SLUICE_ACCESS`.
 *
 * @throws {ConfigError} where that mode lacks a setting, or one of its files is not right
 */
export async function startAccess(config: GatewayConfig, log: Logger): Promise<Access & AsyncDisposable> {
  const authority = await openAuthority(config, log)
  if (authority.asksForLogin) warnOfClearText(config, log)
  const access = new Access(authority, new LoginThrottle())
  return Object.assign(access, { [Symbol.asyncDispose]: () => authority[Symbol.asyncDispose]() })
}

async function openAuthority(config: GatewayConfig, log: Logger): Promise<Authority> {
  return await modes[config.access](config, log)
}

const modes: Record<GatewayConfig['access'], (config: GatewayConfig, log: Logger) => Authority | Promise<Authority>> = {
  open: openUnguardedAccess,
  file: (config, log) => {
    const passwords = required(config.passwordFile, 'SLUICE_PASSWORD_FILE', 'file')
    const rules = required(config.accessFile, 'SLUICE_ACCESS_FILE', 'file')
    return openFileAccess({ passwords, rules, tokens: config.tokenFile }, log)
  },
  jwt: (config, log) => {
    const keys = required(config.jwtKeys, 'SLUICE_JWT_KEYS', 'jwt')
    const issuer = required(config.jwtIssuer, 'SLUICE_JWT_ISSUER', 'jwt')
    const audience = required(config.jwtAudience, 'SLUICE_JWT_AUDIENCE', 'jwt')
    const { jwtAlgorithms: algorithms, jwtClockSkew: clockSkew } = config
    return openJwtAccess({ keys, issuer, audience, algorithms, clockSkew }, log)
  },
  forward: (config, log) => {
    const service = new URL(required(config.accessService, 'SLUICE_ACCESS_SERVICE', 'forward'))
    const { accessServiceTimeout: timeout, accessServiceCache: cache, publicUrl } = config
    return openForwardAccess({ service, timeout, cache, origin: { trust: config, publicUrl } }, log)
  },
}

function required(value: string | undefined, name: string, mode: string): string {
  if (value === undefined) throw new ConfigError([`SLUICE_ACCESS=${mode} needs ${name}.`])
  return value
}

function warnOfClearText({ listen, tlsCertificate }: GatewayConfig, log: Logger): void {
  if (listen.kind === 'unix' || isLoopback(listen.host) || tlsCertificate !== undefined) return
  log.warn(
    'Passwords and tokens reach this gateway without TLS. That is right behind a proxy that ends TLS, in a network of your own; else set SLUICE_TLS_CERTIFICATE.',
  )
}
