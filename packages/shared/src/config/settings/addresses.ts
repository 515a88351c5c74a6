import { z } from 'zod'
import { parseHostNames } from '../../network/host-name.ts'
import { parseNetworks } from '../../network/networks.ts'
import { parseOrigins } from '../../network/origins.ts'
import type { Setting } from '../setting/setting.ts'
import { address, checked, httpAddress, orOff, toggle, wholeNumber } from '../setting/values.ts'

export const addresses = {
  listen: {
    name: 'SLUICE_LISTEN',
    apps: ['gateway'],
    takes: 'host:port, or unix:/path',
    purpose: 'Where the gateway listens for git clients. Port 0 picks a free one.',
    fallback: '127.0.0.1:8080',
    schema: address({ anyPort: true }),
  },
  reusePort: {
    name: 'SLUICE_REUSE_PORT',
    apps: ['gateway'],
    takes: 'on or off',
    purpose:
      'Whether other gateways may listen on the same TCP port (SO_REUSEPORT). The kernel shares out connections between them, so that one gateway for each core uses all cores.',
    fallback: 'off',
    schema: toggle(),
  },
  supervisor: {
    name: 'SLUICE_SUPERVISOR',
    apps: ['gateway', 'supervisor'],
    takes: 'unix:/path (at most 107 bytes), or host:port (not port 0)',
    purpose: 'Where the supervisor listens, and where the gateway finds it.',
    fallback: 'unix:/run/sluice/supervisor.sock',
    schema: address({ anyPort: false }),
  },
  publicUrl: {
    name: 'SLUICE_PUBLIC_URL',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or an address such as https://git.example.org',
    purpose:
      'The address by which clients know this remote. An access service is told this address, whatever a client says, and so are receivers of events. Its host is accepted as if it were in SLUICE_HOST_NAMES.',
    fallback: 'off',
    schema: orOff(httpAddress().transform((value) => new URL(value))),
  },
  hostNames: {
    name: 'SLUICE_HOST_NAMES',
    apps: ['gateway'],
    takes: 'auto, any, or names such as git.example.org, *.example.org, 192.0.2.1',
    purpose:
      'The names by which requests may ask for this remote (their Host header); 403 for others. localhost and loopback addresses are always accepted. Otherwise a web page could reach the remote through a name of its own (DNS rebinding). auto: no other names where everyone on this machine may do everything, else any.',
    fallback: 'auto',
    isList: true,
    schema: z.union([z.enum(['auto', 'any']), checked(parseHostNames)]),
  },
  corsOrigins: {
    name: 'SLUICE_CORS_ORIGINS',
    apps: ['gateway'],
    takes: 'off, *, or origins such as https://code.example.org, http://localhost:5173',
    purpose:
      'Web sites whose pages may use this remote from a browser (CORS), as isomorphic-git does. *: all sites, for a remote that everybody may read. Pages cannot read replies to requests with cookies.',
    fallback: 'off',
    isList: true,
    schema: orOff(z.union([z.literal('*').transform(() => 'any' as const), checked(parseOrigins)])),
  },
  goRepositoryParts: {
    name: 'SLUICE_GO_REPOSITORY_PARTS',
    apps: ['gateway'],
    takes: 'whole, or a whole number from 1 to 16',
    purpose:
      'How many parts of a Go import path after the host are the name of the repository, where none of them ends in .git. whole: Go finds out by trying, which works for modules at the top of their repository. Modules in folders of a repository need a number.',
    fallback: 'whole',
    schema: z.union([z.literal('whole'), wholeNumber(1, 16)]),
  },
  trustedProxies: {
    name: 'SLUICE_TRUSTED_PROXIES',
    apps: ['gateway'],
    takes: 'none, or addresses and networks such as 10.0.0.0/8, fd00::/8, unix',
    purpose: 'The proxies that are believed when they name a client’s address. unix: all clients of a unix socket.',
    fallback: 'none',
    isList: true,
    schema: checked(parseNetworks),
  },
  forwardedHeader: {
    name: 'SLUICE_FORWARDED_HEADER',
    apps: ['gateway'],
    takes: 'x-forwarded-for or forwarded',
    purpose: 'The one header in which trusted proxies name the client (RFC 7239 for Forwarded).',
    fallback: 'x-forwarded-for',
    schema: z.enum(['x-forwarded-for', 'forwarded']),
  },
} satisfies Record<string, Setting<unknown>>
