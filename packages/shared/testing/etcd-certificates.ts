import { newAuthority } from './certificates.ts'
import type { Pair } from './certificates.ts'

/** Of an etcd under test whose members show a certificate, and of those who ask it. */
export type EtcdCertificates = { readonly root: string; readonly server: Pair; readonly client: Pair }

export async function etcdCertificates(folder: string): Promise<EtcdCertificates> {
  const authority = newAuthority(folder)
  return {
    root: authority.certificate,
    server: await authority.issue('etcd'),
    client: await authority.issue('client'),
  }
}

/**
 * With users, the JSON gateway of etcd refuses certificates that have a common name, if it asks for certificates. So it
 * does not ask for them.
 */
export function etcdTlsFlags({ root, server }: EtcdCertificates, hasUsers: boolean): string[] {
  return [
    `--cert-file=${server.certificate}`,
    `--key-file=${server.key}`,
    ...(hasUsers ? [] : ['--client-cert-auth', `--trusted-ca-file=${root}`]),
  ]
}

export function etcdctlTlsFlags({ root, client }: EtcdCertificates): string[] {
  return ['--cacert', root, '--cert', client.certificate, '--key', client.key]
}

export function etcdTlsEnv({ root, client }: EtcdCertificates): Record<string, string> {
  return {
    SLUICE_ETCD_TLS_CA: root,
    SLUICE_ETCD_TLS_CERTIFICATE: client.certificate,
    SLUICE_ETCD_TLS_KEY: client.key,
  }
}
