import { settingsOf } from '../../src/config/settings.ts'
import type { CoordinatorConfig } from '../../src/coordinator/open/open-coordinator.ts'

/** The settings of a coordinator, as an application reads them from its environment. */
export function configOf(env: Readonly<Record<string, string>>): CoordinatorConfig {
  const names = ['cluster', 'etcd', 'etcdPrefix', 'etcdUser', 'etcdPasswordFile', 'etcdTlsCa'] as const
  const settings = settingsOf('gateway')
  const read = (key: (typeof names)[number] | 'etcdTlsCertificate' | 'etcdTlsKey') => {
    const { name, fallback, schema } = settings[key]
    return schema.parse(env[name] ?? fallback)
  }
  const entries = [...names, 'etcdTlsCertificate' as const, 'etcdTlsKey' as const].map((key) => [key, read(key)])
  return Object.fromEntries(entries) as CoordinatorConfig
}
