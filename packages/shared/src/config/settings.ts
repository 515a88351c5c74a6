import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { parseAddress } from '../network/address.ts'
import { parseHostNames } from '../network/host-name.ts'
import { parseOrigins } from '../network/origins.ts'
import { parseNetworks } from '../network/networks.ts'
import { parseRefRules } from '../git/ref-rules.ts'
import { parsePatternTable } from '../git/repository-pattern.ts'
import { parseTraceSwitches } from '../git/trace-switches.ts'
import type { TraceSwitch } from '../git/trace-switches.ts'

/**
 * Every SLUICE_* variable of both applications. One environment may serve both, so each application knows the names of
 * all and reads those that are its own; the table in the README is made from this file.
 */

type App = 'gateway' | 'supervisor'

export type Setting<T> = {
  readonly name: `SLUICE_${string}`
  readonly apps: readonly App[]
  /** What the variable takes, for the README and for error messages: `a whole number of 1 or more`. */
  readonly takes: string
  readonly purpose: string
  /** The default as a person would write it. Undefined: the variable is required by the apps that read it. */
  readonly fallback: string | undefined
  /** How `fallback` follows from the machine, for the README, where it does. */
  readonly fallbackRule?: string
  /** From the variable's text to the value; rejects what does not fit. */
  readonly schema: z.ZodType<T, string>
}

const cores = availableParallelism()

export const settings = {
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
      'Whether other gateways may listen on the same TCP port (SO_REUSEPORT): the kernel shares out connections between them, so that one for each core uses them all.',
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
  access: {
    name: 'SLUICE_ACCESS',
    apps: ['gateway'],
    takes: 'open, file, jwt or forward',
    purpose:
      'Who says what clients may do: nobody, so that everyone may do everything; the two files below; signed tokens; or a service of your own. `docs/access.md` has each.',
    fallback: 'open',
    schema: z.enum(['open', 'file', 'jwt', 'forward']),
  },
  openToNetwork: {
    name: 'SLUICE_OPEN_TO_NETWORK',
    apps: ['gateway'],
    takes: 'no, or the words: everyone on this network may read and push',
    purpose: 'Without these words, SLUICE_ACCESS=open is for addresses of this machine only.',
    fallback: 'no',
    schema: z.enum(['no', 'everyone on this network may read and push']).transform((value) => value !== 'no'),
  },
  publicUrl: {
    name: 'SLUICE_PUBLIC_URL',
    apps: ['gateway'],
    takes: 'off, or an address such as https://git.example.org',
    purpose:
      'The address by which clients know this remote. An access service is told it, whatever a client says; its host is one of those in SLUICE_HOST_NAMES.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), httpAddress().transform((value) => new URL(value))]),
  },
  hostNames: {
    name: 'SLUICE_HOST_NAMES',
    apps: ['gateway'],
    takes: 'auto, any, or names such as git.example.org, *.example.org, 192.0.2.1',
    purpose:
      'The names by which requests may ask for this remote (their Host header), beside localhost and the addresses of this machine’s loopback; 403 for others. A web page could otherwise reach it through a name of its own (DNS rebinding). auto: none, where everyone on this machine may do everything; else any.',
    fallback: 'auto',
    schema: z.union([z.enum(['auto', 'any']), checked(parseHostNames)]),
  },
  corsOrigins: {
    name: 'SLUICE_CORS_ORIGINS',
    apps: ['gateway'],
    takes: 'off, *, or origins such as https://code.example.org, http://localhost:5173',
    purpose:
      'Web sites whose pages may use this remote from a browser, as isomorphic-git does (CORS). *: all of them, which is for what everybody may read. They do not get to read what is asked with cookies.',
    fallback: 'off',
    schema: z.union([
      z.literal('off').transform(() => undefined),
      z.literal('*').transform(() => 'any' as const),
      checked(parseOrigins),
    ]),
  },
  goRepositoryParts: {
    name: 'SLUICE_GO_REPOSITORY_PARTS',
    apps: ['gateway'],
    takes: 'whole, or a whole number from 1 to 16',
    purpose:
      'How many parts of a Go import path after the host are the name of the repository, where none of them ends in .git. whole: Go finds out by trying, which is right for modules at the top of their repository; a number is needed for modules in its folders.',
    fallback: 'whole',
    schema: z.union([z.literal('whole'), wholeNumber(1, 16)]),
  },
  passwordFile: {
    name: 'SLUICE_PASSWORD_FILE',
    apps: ['gateway'],
    takes: 'off, or the path of a file',
    purpose:
      'For `file`: users and hashes of their passwords (bcrypt or argon2id), as `htpasswd -B` writes them. Read anew when it changes.',
    fallback: 'off',
    schema: path(),
  },
  accessFile: {
    name: 'SLUICE_ACCESS_FILE',
    apps: ['gateway'],
    takes: 'off, or the path of a YAML file',
    purpose: 'For `file`: who may read, push to and create which repositories. Read anew when it changes.',
    fallback: 'off',
    schema: path(),
  },
  jwtKeys: {
    name: 'SLUICE_JWT_KEYS',
    apps: ['gateway'],
    takes: 'off, the address of a key set such as https://id.example/jwks.json, or the path of a JWKS or PEM file',
    purpose: 'For `jwt`: the public keys that tokens are signed with. Fetched, or read, anew as they change.',
    fallback: 'off',
    schema: path(),
  },
  jwtIssuer: {
    name: 'SLUICE_JWT_ISSUER',
    apps: ['gateway'],
    takes: 'off, or the `iss` that tokens must have',
    purpose: 'For `jwt`: who makes the tokens.',
    fallback: 'off',
    schema: path(),
  },
  jwtAudience: {
    name: 'SLUICE_JWT_AUDIENCE',
    apps: ['gateway'],
    takes: 'off, or the `aud` that tokens must have',
    purpose: 'For `jwt`: what tokens for this remote are made for, so that those for other services are not taken.',
    fallback: 'off',
    schema: path(),
  },
  jwtAlgorithms: {
    name: 'SLUICE_JWT_ALGORITHMS',
    apps: ['gateway'],
    takes: 'names such as RS256,ES256 (RS, PS or ES with 256, 384 or 512; EdDSA, Ed25519)',
    purpose: 'For `jwt`: how tokens may be signed.',
    fallback: 'RS256,PS256,ES256,EdDSA',
    schema: checked(parseAlgorithms),
  },
  jwtClockSkew: {
    name: 'SLUICE_JWT_CLOCK_SKEW',
    apps: ['gateway'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'For `jwt`: how much clocks may differ, when it is checked whether a token is valid yet, or still.',
    fallback: '30s',
    schema: duration(0),
  },
  accessService: {
    name: 'SLUICE_ACCESS_SERVICE',
    apps: ['gateway'],
    takes: 'off, or an address such as http://127.0.0.1:9000/allowed',
    purpose: 'For `forward`: the service that is asked about each request.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), httpAddress()]),
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
      'For `forward`: how long an answer that lets somebody in is good for the same question: log-in, client, address and method.',
    fallback: '0s',
    schema: duration(0),
  },
  tlsCertificate: {
    name: 'SLUICE_TLS_CERTIFICATE',
    apps: ['gateway'],
    takes: 'off, or the path of a PEM file',
    purpose:
      'The gateway’s certificate, with those that lead to its root. With it and its key, the gateway speaks TLS only, and HTTP/2 to clients that offer it. Read anew when it changes.',
    fallback: 'off',
    schema: path(),
  },
  tlsKey: {
    name: 'SLUICE_TLS_KEY',
    apps: ['gateway'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The private key of that certificate, without a passphrase.',
    fallback: 'off',
    schema: path(),
  },
  http2: {
    name: 'SLUICE_HTTP2',
    apps: ['gateway'],
    takes: 'on or off',
    purpose: 'Whether clients that offer HTTP/2 get it; with TLS only. `docs/tls.md` says when not.',
    fallback: 'on',
    schema: toggle(),
  },
  hostSecretFile: {
    name: 'SLUICE_HOST_SECRET_FILE',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a file with one or two lines of 32 to 512 characters',
    purpose:
      'The secrets by which a supervisor on TCP knows its gateways. Each line is valid, gateways send the first. Read anew when it changes.',
    fallback: 'off',
    schema: path(),
  },
  hostTlsCertificate: {
    name: 'SLUICE_HOST_TLS_CERTIFICATE',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose:
      'The certificate that the supervisor shows to gateways, and the one that a gateway shows to the supervisor. Read anew when it changes.',
    fallback: 'off',
    schema: path(),
  },
  hostTlsKey: {
    name: 'SLUICE_HOST_TLS_KEY',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose: 'The private key of that certificate, without a passphrase.',
    fallback: 'off',
    schema: path(),
  },
  hostTlsCa: {
    name: 'SLUICE_HOST_TLS_CA',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a PEM file',
    purpose:
      'The roots that the other side’s certificate must come from. A gateway with them speaks TLS to the supervisor; a supervisor with them serves only gateways that have a certificate (mutual TLS).',
    fallback: 'off',
    schema: path(),
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
  root: {
    name: 'SLUICE_ROOT',
    apps: ['supervisor'],
    takes: 'the path of an existing folder',
    purpose:
      'The folder below which all repositories lie. Nothing outside it is ever served. Whoever may write there decides which hooks run.',
    fallback: '/srv/git',
    schema: text(),
  },
  runFolder: {
    name: 'SLUICE_RUN_FOLDER',
    apps: ['supervisor'],
    takes: 'the path of a folder, of this supervisor alone',
    purpose:
      'What the supervisor keeps while it runs, so that the next one can end what it may have left. Created if missing.',
    fallback: '/run/sluice',
    schema: text(),
  },
  createOnPush: {
    name: 'SLUICE_CREATE_ON_PUSH',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose: 'Whether pushing to a repository that does not exist creates it.',
    fallback: 'off',
    schema: toggle(),
  },
  defaultObjectFormat: {
    name: 'SLUICE_DEFAULT_OBJECT_FORMAT',
    apps: ['supervisor'],
    takes: 'sha1 or sha256',
    purpose:
      'How repositories that are created by pushing name their objects. Clients with the other format cannot push to a new name.',
    fallback: 'sha1',
    schema: z.enum(['sha1', 'sha256']),
  },
  git: {
    name: 'SLUICE_GIT',
    apps: ['supervisor'],
    takes: 'the name or path of a git 2.34 or newer',
    purpose: 'The git that workers run; a bare name is looked up in PATH.',
    fallback: 'git',
    schema: text(),
  },
  workerRuntime: {
    name: 'SLUICE_WORKER_RUNTIME',
    apps: ['supervisor'],
    takes: 'auto, bun or node',
    purpose: 'What workers run on. auto: Bun where it is installed, else Node.',
    fallback: 'auto',
    schema: z.enum(['auto', 'bun', 'node']),
  },
  warmWorkers: {
    name: 'SLUICE_WARM_WORKERS',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 1000',
    purpose: 'How many idle workers are kept ready, 4 MB of private memory each.',
    fallback: '4',
    schema: wholeNumber(0, 1000),
  },
  fetchSlots: {
    name: 'SLUICE_FETCH_SLOTS',
    apps: ['supervisor'],
    takes: 'auto, or a whole number from 1 to 10000',
    purpose: 'How many fetches (their advertisements included) run at once.',
    fallback: 'auto',
    fallbackRule: '8 × cores, fewer where memory, processes or descriptors are short',
    schema: z.union([z.literal('auto'), wholeNumber(1, 10_000)]),
  },
  pushSlots: {
    name: 'SLUICE_PUSH_SLOTS',
    apps: ['supervisor'],
    takes: 'auto, or a whole number from 1 to 10000',
    purpose: 'How many pushes run at once.',
    fallback: 'auto',
    fallbackRule: '4 × cores, fewer where memory, processes or descriptors are short',
    schema: z.union([z.literal('auto'), wholeNumber(1, 10_000)]),
  },
  pushAdvertisementSlots: {
    name: 'SLUICE_PUSH_ADVERTISEMENT_SLOTS',
    apps: ['supervisor'],
    takes: 'auto, or a whole number from 1 to 10000',
    purpose: 'How many advertisements for pushes run at once.',
    fallback: 'auto',
    fallbackRule: '4 × cores, fewer where memory, processes or descriptors are short',
    schema: z.union([z.literal('auto'), wholeNumber(1, 10_000)]),
  },
  jobSlots: {
    name: 'SLUICE_JOB_SLOTS',
    apps: ['supervisor'],
    takes: 'auto, or a whole number from 1 to 10000',
    purpose: 'How many git commands of the supervisor’s own (init, config, for-each-ref) run at once.',
    fallback: 'auto',
    fallbackRule: '2 × cores, fewer where memory, processes or descriptors are short',
    schema: z.union([z.literal('auto'), wholeNumber(1, 10_000)]),
  },
  largestShare: {
    name: 'SLUICE_LARGEST_SHARE',
    apps: ['supervisor'],
    takes: 'a percentage from 1% to 100%',
    purpose:
      'How much of a kind’s slots one repository, or one client, may hold, so that a busy one leaves some to the others.',
    fallback: '75%',
    schema: percentage(),
  },
  adaptiveFetchSlots: {
    name: 'SLUICE_ADAPTIVE_FETCH_SLOTS',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether the slots for fetches are halved while the control group is short of memory or processor time, and given back one by one.',
    fallback: 'off',
    schema: toggle(),
  },
  queueLength: {
    name: 'SLUICE_QUEUE_LENGTH',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 100000',
    purpose:
      'How many requests of each kind (fetch, push, push advertisement, job) may wait for a slot; more are refused with 503.',
    fallback: '256',
    schema: wholeNumber(0, 100_000),
  },
  queueTimeout: {
    name: 'SLUICE_QUEUE_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long a request waits for a slot (503 after it), or in the gateway for others of the same client (429).',
    fallback: '30s',
    schema: duration(),
  },
  hostWait: {
    name: 'SLUICE_HOST_WAIT',
    apps: ['gateway'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long requests are held while their host restarts, and sent when it is there again; 503 after it. Advertisements, small fetches, and pushes that the host has not begun.',
    fallback: '20s',
    schema: duration(0),
  },
  sourceRequests: {
    name: 'SLUICE_SOURCE_REQUESTS',
    apps: ['gateway'],
    takes: 'a whole number from 1 to 100000',
    purpose: 'How many requests of one client (a user, an IPv4 address, an IPv6 /64) are passed on at once.',
    fallback: '256',
    schema: wholeNumber(1, 100_000),
  },
  sourceQueue: {
    name: 'SLUICE_SOURCE_QUEUE',
    apps: ['gateway'],
    takes: 'a whole number from 0 to 100000',
    purpose: 'How many more of one client may wait; the next is refused with 429.',
    fallback: '256',
    schema: wholeNumber(0, 100_000),
  },
  trustedProxies: {
    name: 'SLUICE_TRUSTED_PROXIES',
    apps: ['gateway'],
    takes: 'none, or addresses and networks such as 10.0.0.0/8, fd00::/8, unix',
    purpose: 'Whose word on the client’s address is taken; nobody else’s is. unix: whoever connects to a unix socket.',
    fallback: 'none',
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
  maxConnections: {
    name: 'SLUICE_MAX_CONNECTIONS',
    apps: ['gateway', 'supervisor'],
    takes: 'auto, or a whole number from 1 to 1000000',
    purpose: 'How many connections are open at once; a request on one more is refused with 503.',
    fallback: 'auto',
    fallbackRule: '10000, fewer where descriptors are short',
    schema: z.union([z.literal('auto'), wholeNumber(1, 1_000_000)]),
  },
  workerStartTimeout: {
    name: 'SLUICE_WORKER_START_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'How long a worker may take to start before it is replaced.',
    fallback: '30s',
    schema: duration(),
  },
  headerTimeout: {
    name: 'SLUICE_HEADER_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'How long the headers of a request may take to arrive, and a new connection to send any; 408 after it.',
    fallback: '20s',
    schema: duration(),
  },
  keepAliveTimeout: {
    name: 'SLUICE_KEEP_ALIVE_TIMEOUT',
    apps: ['gateway'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long an idle connection is kept for another request. Longer than a load balancer in front keeps its own, or that one meets connections that have just been closed.',
    fallback: '75s',
    schema: duration(),
  },
  minUploadRate: {
    name: 'SLUICE_MIN_UPLOAD_RATE',
    apps: ['gateway'],
    takes: 'off, or a size such as 64B or 1KiB',
    purpose:
      'What a client must send of a body in each second, over two minutes, while it is waited for; 408 otherwise.',
    fallback: '64B',
    schema: z.union([z.literal('off').transform(() => 0), size()]),
  },
  minDownloadRate: {
    name: 'SLUICE_MIN_DOWNLOAD_RATE',
    apps: ['supervisor'],
    takes: 'off, or a size such as 1KiB or 64KiB',
    purpose:
      'What a client must take of a fetch in each second, over two thirds of SLUICE_QUEUE_TIMEOUT, where git has to wait for it (see SLUICE_FETCH_AHEAD) and others wait for its slot: the slowest one is cut off, and then the next.',
    fallback: '4KiB',
    schema: z.union([z.literal('off').transform(() => 0), size()]),
  },
  interimReplies: {
    name: 'SLUICE_INTERIM_REPLIES',
    apps: ['gateway'],
    takes: 'on or off',
    purpose:
      'Whether git clients that wait with a large body are sent 102 Processing, nine times at most, which is how their leaving is noticed. Not sent where a request shows that a proxy passed it on; turn it off behind one that does not show.',
    fallback: 'on',
    schema: toggle(),
  },
  idleTimeout: {
    name: 'SLUICE_IDLE_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long a client that is waited for may neither send nor take a byte before its request is ended. One that waits for git is not idle.',
    fallback: '2m',
    schema: duration(),
  },
  silentGitTimeout: {
    name: 'SLUICE_SILENT_GIT_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long git, or a hook, may work without a byte in either direction before a request is ended: for a git that hangs, on a disk that does not answer, say.',
    fallback: '1h',
    schema: duration(),
  },
  hookTimeout: {
    name: 'SLUICE_HOOK_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long post-receive and post-update hooks may go on after their client has left: the push has happened by then. They are ended after it, with a warning.',
    fallback: '10m',
    schema: duration(0),
  },
  requestTimeout: {
    name: 'SLUICE_REQUEST_TIMEOUT',
    apps: ['supervisor'],
    takes: 'off, or a time such as 30m or 6h',
    purpose: 'How long a whole request may take. Large clones take hours and are no fault.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), duration()]),
  },
  pushGrace: {
    name: 'SLUICE_PUSH_GRACE',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long a push that is torn down may end by itself and clean up before SIGTERM. Fetches get none.',
    fallback: '500ms',
    schema: duration(0),
  },
  killGrace: {
    name: 'SLUICE_KILL_GRACE',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long git may take to obey SIGTERM before SIGKILL.',
    fallback: '5s',
    schema: duration(0),
  },
  drainTimeout: {
    name: 'SLUICE_DRAIN_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long running requests may take to finish after SIGTERM or SIGINT.',
    fallback: '60s',
    schema: duration(0),
  },
  drainDelay: {
    name: 'SLUICE_DRAIN_DELAY',
    apps: ['gateway'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long the gateway goes on accepting after SIGTERM or SIGINT while /readyz says that it stops, so that a load balancer notices before connections are refused. Longer than the time between two of its looks, times those that must fail.',
    fallback: '0s',
    schema: duration(0),
  },
  maxFetchRequest: {
    name: 'SLUICE_MAX_FETCH_REQUEST',
    apps: ['supervisor'],
    takes: 'a size such as 512KiB, 32MiB or 1GiB',
    purpose: 'The largest body of a fetch request, counted after inflating; more is refused with 413.',
    fallback: '32MiB',
    schema: size(),
  },
  maxPush: {
    name: 'SLUICE_MAX_PUSH',
    apps: ['supervisor'],
    takes: 'off, a size, or pairs such as big/**=20GiB, **=2GiB',
    purpose:
      'The largest pack that a push may bring; a repository’s own receive.maxInputSize counts where it is smaller. The first pattern that fits a repository’s name, without .git, decides; * stands for a part of the name, ** for any number.',
    fallback: 'off',
    schema: z.union([
      z.literal('off').transform(() => []),
      size().transform((bytes) => [{ pattern: '**', value: bytes }]),
      sizeTable(),
    ]),
  },
  minFreeDisk: {
    name: 'SLUICE_MIN_FREE_DISK',
    apps: ['supervisor'],
    takes: 'auto, or an amount such as 500MiB or 0B',
    purpose:
      'What pushes must leave free on the disk of the repositories: where there is less, or few inodes, they are refused, and reads go on. auto: a hundredth of the disk, at least 64 MiB (or a twentieth, if that is less) and at most 1 GiB.',
    fallback: 'auto',
    schema: z.union([
      z.literal('auto').transform(() => undefined),
      checked((value) => (value === '0B' ? 0 : parseSize(value))),
    ]),
  },
  protectedRefs: {
    name: 'SLUICE_PROTECTED_REFS',
    apps: ['supervisor'],
    takes: 'off, or rules such as **:refs/heads/main=no-force, team/*:refs/tags/**=no-delete+no-force',
    purpose:
      'What pushes may not do, by patterns of repositories and of references: no-force (nor delete), no-delete, or nobody. The protections of all rules that fit are joined. See docs/push-rules.md.',
    fallback: 'off',
    schema: refRules(),
  },
  fsckObjects: {
    name: 'SLUICE_FSCK_OBJECTS',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether pushed objects are checked (receive.fsckObjects), unless a repository’s own configuration says whether they are.',
    fallback: 'on',
    schema: toggle(),
  },
  hooksFolder: {
    name: 'SLUICE_HOOKS_FOLDER',
    apps: ['supervisor'],
    takes: 'off, or the path of a folder',
    purpose:
      'Hooks for all repositories, run before a repository’s own of the same name: pre-receive, update, post-receive, post-update, reference-transaction. Which there are is settled at the start. See docs/operations.md.',
    fallback: 'off',
    schema: path(),
  },
  gnupgHome: {
    name: 'SLUICE_GNUPG_HOME',
    apps: ['supervisor'],
    takes: 'off, or the absolute path of a folder',
    purpose:
      'GNUPGHOME for pushes: the keys that signed pushes are checked with (receive.certNonceSeed, in a repository’s configuration). Hooks see it, too.',
    fallback: 'off',
    schema: z.union([
      z.literal('off').transform(() => undefined),
      checked((value) => (value.startsWith('/') ? value : undefined)),
    ]),
  },
  referenceCache: {
    name: 'SLUICE_REFERENCE_CACHE',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512KiB, 32MiB or 1GiB',
    purpose:
      'The memory for lists of references and of capabilities, each given only after a look that nothing has changed. off: for file systems whose file times cannot be trusted, such as NFS.',
    fallback: '64MiB',
    schema: z.union([z.literal('off').transform(() => undefined), size()]),
  },
  packCache: {
    name: 'SLUICE_PACK_CACHE',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512KiB, 32MiB or 1GiB',
    purpose: 'The disk space for packs that several clients ask for at the same time, or again within five minutes.',
    fallback: '1GiB',
    schema: z.union([z.literal('off').transform(() => undefined), size()]),
  },
  fetchAhead: {
    name: 'SLUICE_FETCH_AHEAD',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512MiB or 4GiB',
    purpose:
      'The disk space for what git writes ahead of clients that read slowly, so that its slot is free when it is done; one of them has a quarter of it at most. Where it is used up, git goes at their pace.',
    fallback: '2GiB',
    schema: z.union([z.literal('off').transform(() => undefined), size()]),
  },
  spoolFolder: {
    name: 'SLUICE_SPOOL_FOLDER',
    apps: ['supervisor'],
    takes: 'auto, or the path of a folder, of this supervisor alone',
    purpose: 'Where both are kept: on a disk, not in memory. Created if missing.',
    fallback: 'auto',
    fallbackRule: '`spool` in the run folder',
    schema: text(),
  },
  packThreads: {
    name: 'SLUICE_PACK_THREADS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 64',
    purpose:
      'How many threads one pack-objects or index-pack uses (pack.threads), unless the repository says otherwise.',
    fallback: String(Math.min(cores, 4)),
    fallbackRule: 'cores, at most 4',
    schema: wholeNumber(1, 64),
  },
  packWindowMemory: {
    name: 'SLUICE_PACK_WINDOW_MEMORY',
    apps: ['supervisor'],
    takes: 'a size such as 512KiB, 32MiB or 1GiB',
    purpose:
      'The memory for the delta window of each of these threads (pack.windowMemory), unless the repository says otherwise.',
    fallback: '256MiB',
    schema: size(),
  },
  gatewayOperations: {
    name: 'SLUICE_GATEWAY_OPERATIONS',
    apps: ['gateway'],
    takes: 'off, host:port, or unix:/path',
    purpose:
      'Where the gateway serves /metrics and its health to operators. It asks nobody who they are: keep it private.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), address({ anyPort: true })]),
  },
  supervisorOperations: {
    name: 'SLUICE_SUPERVISOR_OPERATIONS',
    apps: ['supervisor'],
    takes: 'off, host:port, or unix:/path',
    purpose: 'Where the supervisor serves /metrics, /-/status and its health to operators. Keep it private, too.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), address({ anyPort: true })]),
  },
  otlpEndpoint: {
    name: 'SLUICE_OTLP_ENDPOINT',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the address of an OpenTelemetry collector such as http://127.0.0.1:4318',
    purpose: 'Where spans are sent (OTLP over HTTP). OpenTelemetry is loaded only if this is set.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), httpAddress()]),
  },
  logLevel: {
    name: 'SLUICE_LOG_LEVEL',
    apps: ['gateway', 'supervisor'],
    takes: 'trace, debug, info, warn, error or silent',
    purpose: 'The least important lines that are logged. There is one info line for each request.',
    fallback: 'info',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  },
  logFormat: {
    name: 'SLUICE_LOG_FORMAT',
    apps: ['gateway', 'supervisor'],
    takes: 'json or pretty',
    purpose: 'json: one object a line, for machines. pretty: for people.',
    fallback: 'json',
    schema: z.enum(['json', 'pretty']),
  },
  gitTrace: {
    name: 'SLUICE_GIT_TRACE',
    apps: ['supervisor'],
    takes:
      'off, or names such as trace,packet,performance (git’s GIT_TRACE, GIT_TRACE_PACKET, GIT_TRACE_PERFORMANCE …)',
    purpose:
      'Which of its own traces git writes. They go to the log, with SLUICE_LOG_LEVEL=debug only: a bounded part of each command’s, and nothing of it to clients. They name references and files.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform((): TraceSwitch[] => []), checked(parseTraceSwitches)]),
  },
} satisfies Record<string, Setting<unknown>>

type Settings = typeof settings

/** The settings that an application reads. */
export type SettingsOf<A extends App> = {
  [K in keyof Settings as A extends Settings[K]['apps'][number] ? K : never]: Settings[K]
}

export function settingsOf<A extends App>(app: A): SettingsOf<A> {
  const own = Object.entries(settings).filter(([, { apps }]) => (apps as readonly App[]).includes(app))
  return Object.fromEntries(own) as SettingsOf<A>
}

function text(): z.ZodType<string, string> {
  return z.string().min(1)
}

/** A file's path; undefined where it is off. */
function path() {
  return z.union([z.literal('off').transform(() => undefined), text()])
}

/** @param options `anyPort`: whether port 0 may stand for any that is free */
function address(options: { anyPort: boolean }) {
  return z.string().transform((value, context) => {
    const parsed = parseAddress(value)
    if (parsed?.kind === 'tcp' && parsed.port === 0 && !options.anyPort) return invalid(context)
    return parsed ?? invalid(context)
  })
}

function toggle() {
  return z.enum(['on', 'off']).transform((value) => value === 'on')
}

function wholeNumber(least: number, most: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(least).max(most))
}

/** A span of time, as milliseconds. Bounded by what a timer can hold: 24 days. */
function duration(least = 1) {
  const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  return z.string().transform((value, context) => {
    const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(value) ?? []
    const result = Number(digits) * (milliseconds[unit as keyof typeof milliseconds] ?? NaN)
    return result >= least && result < 2 ** 31 ? result : invalid(context)
  })
}

/** An amount of data, as bytes. */
function size() {
  return checked(parseSize)
}

function parseSize(value: string): number | undefined {
  const bytes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
  const [, digits, unit] = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(value) ?? []
  const result = Number(digits) * (bytes[unit as keyof typeof bytes] ?? NaN)
  return result >= 1 ? result : undefined
}

/** Public keys only: a shared secret would have to lie where tokens are merely checked (RFC 8725 section 3.1). */
function parseAlgorithms(value: string): string[] | undefined {
  const names = value.split(',').map((name) => name.trim())
  return names.every((name) => /^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$/.test(name)) ? names : undefined
}

/** Sizes by repository pattern. */
function sizeTable() {
  return checked((value) => parsePatternTable(value, parseSize))
}

/** Rules for references, with what is wrong with one that is none. */
function refRules() {
  return z.string().transform((value, context) => {
    const rules = parseRefRules(value)
    if (!('problem' in rules)) return rules
    context.issues.push({ code: 'custom', message: rules.problem, input: value, params: { tellsWhy: true } })
    return z.NEVER
  })
}

/** As a fraction: 0.75 for 75%. */
function percentage() {
  return checked((value) => {
    const percent = Number(/^(\d{1,3})%$/.exec(value)?.[1] ?? NaN)
    return percent >= 1 && percent <= 100 ? percent / 100 : undefined
  })
}

function httpAddress() {
  return checked((value) => (/^https?:\/\//.test(value) && URL.canParse(value) ? value : undefined))
}

/** @param parse gives undefined for what is not valid */
function checked<T>(parse: (value: string) => T | undefined) {
  return z.string().transform((value, context) => parse(value) ?? invalid(context))
}

function invalid(context: { issues: unknown[]; value: unknown }): never {
  context.issues.push({ code: 'custom', message: 'invalid', input: context.value })
  return z.NEVER
}
