import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { HttpClient } from '../load/http-client.ts'
import type { Contestant, Place } from './contestant.ts'
import { startDaemon, untilListening } from './daemon.ts'
import { freePort } from '@sluice/shared/testing/free-port'
import { backendEnvironment, findProgram, gitInstallation } from './git-installation.ts'
import { Missing } from './missing.ts'
import { cpuTimeOf, treeOf } from './processes.ts'

/** Debian's folder for them. */
const modules = '/usr/lib/apache2/modules'

/** Apache with threads, whose CGI daemon runs one `git http-backend` for each request. */
export async function startApache({ root, folder }: Place): Promise<Contestant> {
  const command = findProgram('apache2')
  if (!command || !existsSync(join(modules, 'mod_cgid.so'))) throw new Missing('apache2', 'apache2')

  await using started = new AsyncDisposableStack()
  const port = await freePort()
  const configuration = join(folder, 'apache.conf')
  const { httpBackend } = await gitInstallation()
  const owner = process.getuid?.() === 0 ? recordOf('www-data') : undefined
  await writeFile(configuration, configurationOf({ root, folder, port, httpBackend, isRoot: owner !== undefined }))
  const apache = await startDaemon({
    command,
    args: ['-f', configuration, '-DFOREGROUND'],
    env: { PATH: process.env['PATH'] ?? '' },
    output: join(folder, 'apache.log'),
  })
  started.use(apache)
  await untilListening(apache, { port })

  const { stdout } = await promisify(execFile)(command, ['-v'])
  const parts = started.move()
  return {
    name: 'apache',
    title: 'Apache + CGI',
    version: /Apache\/(\S+)/.exec(stdout)?.[1] ?? 'unknown',
    ...(owner ? { owner } : {}),
    server: {
      port,
      ownProcesses: async () => apaches(apache.pid),
      allProcesses: async () => treeOf([apache.pid]).map(({ pid }) => pid),
    },
    cpu: async () => {
      const { own, children } = cpuTimeOf(apaches(apache.pid))
      return { apache: own, git: children }
    },
    open: async () => new HttpClient(port),
    address: (repository) => `http://127.0.0.1:${port}/${repository}`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function apaches(root: number): number[] {
  return treeOf([root])
    .filter(({ name }) => name === 'apache2')
    .map(({ pid }) => pid)
}

/** Apache refuses to serve as root. */
function recordOf(name: string): { uid: number; gid: number } {
  const fields = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8'))
  if (!fields) throw new Error(`There is no user ${name}, as whom Apache could serve.`)
  return { uid: Number(fields[1]), gid: Number(fields[2]) }
}

/** A configuration as an operator who knows git would write it. Each departure from a default says why. */
function configurationOf(options: {
  root: string
  folder: string
  port: number
  httpBackend: string
  isRoot: boolean
}): string {
  const { root, folder, port, httpBackend, isRoot } = options
  const loaded = ['mpm_event', 'authz_core', 'alias', 'env', 'setenvif', 'cgid']
  const backend = Object.entries(backendEnvironment(root)).map(([name, value]) => `SetEnv ${name} "${value}"`)
  return `
ServerRoot "${folder}"
ServerName localhost
PidFile "${folder}/apache.pid"
DefaultRuntimeDir "${folder}"
Listen 127.0.0.1:${port}
${loaded.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
${isRoot ? 'User www-data\nGroup www-data' : ''}
ScriptSock "${folder}/cgid.sock"
ErrorLog "${folder}/error.log"
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog "${folder}/access.log" combined
# A connection that is read slowly occupies a thread.
ServerLimit 16
ThreadsPerChild 25
MaxRequestWorkers 400
KeepAlive On
KeepAliveTimeout 75
# git's and these clients' connections live long.
MaxKeepAliveRequests 0
# Pushes are as large as they are.
LimitRequestBody 0
# git may count objects for minutes before it says a word.
Timeout 3600
${backend.join('\n')}
SetEnvIf Git-Protocol ".*" GIT_PROTOCOL=$0
ScriptAlias / "${httpBackend}/"
<Directory "${dirname(httpBackend)}">
  Options +ExecCGI
  Require all granted
</Directory>
`
}
