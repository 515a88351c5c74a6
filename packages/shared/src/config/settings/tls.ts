import type { Setting } from '../setting/setting.ts'
import { checked, orOff, text, toggle } from '../setting/values.ts'

export const tls = {
  tlsCertificate: {
    name: 'SLUICE_TLS_CERTIFICATE',
    apps: ['gateway'],
    takes: 'off, or the path of a PEM file',
    purpose:
      'The gateway’s certificate, followed by those that lead to its root. With it and its key, the gateway speaks only TLS, and HTTP/2 to clients that offer it. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  tlsKey: {
    name: 'SLUICE_TLS_KEY',
    apps: ['gateway'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The private key of that certificate, without a passphrase.',
    fallback: 'off',
    schema: orOff(text()),
  },
  http2: {
    name: 'SLUICE_HTTP2',
    apps: ['gateway'],
    takes: 'on or off',
    purpose:
      'Whether clients that offer HTTP/2 get it, which needs TLS. `docs/operate/tls.md` says when to turn it off.',
    fallback: 'on',
    schema: toggle(),
  },
  hostSecretFile: {
    name: 'SLUICE_HOST_SECRET_FILE',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a file with one or two lines of 32 to 512 characters',
    purpose:
      'The secrets by which a supervisor on TCP knows its gateways. Each line is valid; gateways send the first. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  hostTlsCertificate: {
    name: 'SLUICE_HOST_TLS_CERTIFICATE',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose:
      'The certificate that the supervisor shows to gateways, or that a gateway shows to the supervisor. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  hostTlsKey: {
    name: 'SLUICE_HOST_TLS_KEY',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The private key of that certificate, without a passphrase.',
    fallback: 'off',
    schema: orOff(text()),
  },
  hostTlsCa: {
    name: 'SLUICE_HOST_TLS_CA',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose:
      'The roots that the other side’s certificate must come from. A gateway with them speaks TLS to the supervisor; a supervisor with them serves only gateways that have a certificate (mutual TLS).',
    fallback: 'off',
    schema: orOff(text()),
  },
  hostTlsName: {
    name: 'SLUICE_HOST_TLS_NAME',
    apps: ['gateway'],
    takes: 'auto, or a host name',
    purpose: 'The name that the supervisor’s certificate must be for.',
    fallback: 'auto',
    fallbackRule: 'the host in `SLUICE_SUPERVISOR`',
    schema: checked((value) => (/^[\w.-]{1,253}$/.test(value) ? value : undefined)),
  },
} satisfies Record<string, Setting<unknown>>
