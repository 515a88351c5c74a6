import { z } from 'zod'
import { hostName } from '../../placement/slot-record.ts'
import type { Setting } from '../setting/setting.ts'
import {
  address,
  checked,
  duration,
  orAuto,
  orOff,
  text,
  toggle,
  wholeNumber,
  wholeSeconds,
} from '../setting/values.ts'

/** `SLUICE_CLUSTER=etcd` turns all of these on. */
export const cluster = {
  cluster: {
    name: 'SLUICE_CLUSTER',
    apps: ['gateway', 'supervisor'],
    takes: 'off or etcd',
    purpose:
      'Whether this is one of several hosts, or a gateway to several. etcd: which host keeps what is in etcd, and SLUICE_SUPERVISOR is where this host listens; a gateway does not read it.',
    fallback: 'off',
    schema: z.enum(['off', 'etcd']),
  },
  etcd: {
    name: 'SLUICE_ETCD',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or addresses such as http://10.0.0.1:2379,http://10.0.0.2:2379',
    purpose: 'The members of etcd (3.4 or newer). Name all of them: one that does not answer is passed over.',
    fallback: 'off',
    isList: true,
    schema: orOff(checked(parseEndpoints)),
  },
  etcdPrefix: {
    name: 'SLUICE_ETCD_PREFIX',
    apps: ['gateway', 'supervisor'],
    takes: 'a path such as /sluice/',
    purpose: 'What all keys of this cluster begin with. Two clusters on one etcd need two prefixes.',
    fallback: '/sluice/',
    schema: checked((value) => (/^\/(?:[a-z0-9._-]+\/)+$/i.test(value) ? value : undefined)),
  },
  etcdUser: {
    name: 'SLUICE_ETCD_USER',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the name of a user of etcd',
    purpose: 'Who logs in to etcd.',
    fallback: 'off',
    schema: orOff(text()),
  },
  etcdPasswordFile: {
    name: 'SLUICE_ETCD_PASSWORD_FILE',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a file',
    purpose: 'The password of that user. Read again at each log-in.',
    fallback: 'off',
    schema: orOff(text()),
  },
  etcdTlsCa: {
    name: 'SLUICE_ETCD_TLS_CA',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The roots that the certificates of etcd’s members come from.',
    fallback: 'off',
    schema: orOff(text()),
  },
  etcdTlsCertificate: {
    name: 'SLUICE_ETCD_TLS_CERTIFICATE',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The certificate that is shown to etcd.',
    fallback: 'off',
    schema: orOff(text()),
  },
  etcdTlsKey: {
    name: 'SLUICE_ETCD_TLS_KEY',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The private key of that certificate, without a passphrase.',
    fallback: 'off',
    schema: orOff(text()),
  },
  hostName: {
    name: 'SLUICE_HOST_NAME',
    apps: ['supervisor'],
    takes: 'auto, or a name such as host-1 (lower-case letters, digits, dots and dashes)',
    purpose: 'The name of this host. It must stay the same: slots are kept by name. auto: the name of the machine.',
    fallback: 'auto',
    schema: z.union([z.literal('auto'), hostName]),
  },
  hostAddress: {
    name: 'SLUICE_HOST_ADDRESS',
    apps: ['supervisor'],
    takes: 'auto, or host:port',
    purpose:
      'Where gateways reach this host. auto: SLUICE_SUPERVISOR, which must then be an address that they can reach.',
    fallback: 'auto',
    schema: z.union([z.literal('auto'), address({ anyPort: false })]),
  },
  hostWeight: {
    name: 'SLUICE_HOST_WEIGHT',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 1000',
    purpose:
      'How large this host’s share is, relative to the others. 0: it gets nothing, and what it has goes to others where that is possible.',
    fallback: '100',
    schema: wholeNumber(0, 1000),
  },
  hostZone: {
    name: 'SLUICE_HOST_ZONE',
    apps: ['supervisor'],
    takes: 'off, or a name',
    purpose:
      'What fails together with this host, such as a rack. Copies are kept in different zones where that is possible.',
    fallback: 'off',
    schema: orOff(text()),
  },
  storage: {
    name: 'SLUICE_STORAGE',
    apps: ['supervisor'],
    takes: 'own or shared',
    purpose:
      'own: SLUICE_ROOT is on this host’s own disk, and hosts copy repositories to each other. shared: all hosts have the same folder (CephFS, EFS, NFS).',
    fallback: 'own',
    schema: z.enum(['own', 'shared']),
  },
  copies: {
    name: 'SLUICE_COPIES',
    apps: ['supervisor'],
    takes: 'auto, or a whole number from 1 to 16',
    purpose:
      'How many hosts keep each repository, which may be read from all of them. SLUICE_STORAGE=own: each has it on its own disk. shared: over how many hosts reads are spread; more than 1 only where the file system shows each change to all hosts at once. auto: 2 with own, 1 with shared. The first host sets it for the cluster.',
    fallback: 'auto',
    schema: orAuto(wholeNumber(1, 16)),
  },
  minInSync: {
    name: 'SLUICE_MIN_IN_SYNC',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 16',
    purpose:
      'With SLUICE_STORAGE=own: how many hosts that are up must have all of a repository for a push to be taken and confirmed, the primary included. With 2, no confirmed push is on one disk only, and pushes are refused while one of two hosts is down.',
    fallback: '1',
    schema: wholeNumber(1, 16),
  },
  lease: {
    name: 'SLUICE_LEASE',
    apps: ['supervisor'],
    takes: 'a time from 1s to 1m, in whole seconds',
    purpose:
      'How long a host counts as live without a word of it. Pushes to a host that died wait about twice as long.',
    fallback: '3s',
    schema: wholeSeconds(1000, 60_000),
  },
  copyTimeout: {
    name: 'SLUICE_COPY_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 500ms or 5s',
    purpose:
      'How long a copy may make no progress while a push waits for it. After that it is out of sync: it serves nothing until it has caught up, and the push goes on.',
    fallback: '5s',
    schema: duration(),
  },
  leaveOnStop: {
    name: 'SLUICE_LEAVE',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose: 'Whether a host hands its slots over before it stops, where others can take them.',
    fallback: 'on',
    schema: toggle(),
  },
} satisfies Record<string, Setting<unknown>>

function parseEndpoints(value: string): string[] | undefined {
  const endpoints = value.split(',').map((one) => one.trim().replace(/\/$/, ''))
  return endpoints.every((one) => /^https?:\/\/[^/?#@]+$/.test(one) && URL.canParse(one)) ? endpoints : undefined
}
