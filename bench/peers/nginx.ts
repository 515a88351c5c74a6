import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HttpClient } from '../load/http-client.ts'
import type { Contestant, Place } from './contestant.ts'
import { startDaemon, untilListening } from './daemon.ts'
import { freePort } from '@sluice/shared/testing/free-port'
import { backendEnvironment, findProgram, gitInstallation } from './git-installation.ts'
import { Missing } from './missing.ts'
import { cpuTimeOf, treeOf } from './processes.ts'

/** nginx in front of fcgiwrap with four processes, each of which runs one `git http-backend` at a time. */
export async function startNginx({ root, folder }: Place): Promise<Contestant> {
  const nginxPath = findProgram('nginx')
  if (!nginxPath) throw new Missing('nginx', 'nginx')
  const fcgiwrapPath = findProgram('fcgiwrap')
  if (!fcgiwrapPath) throw new Missing('fcgiwrap', 'fcgiwrap')

  await using started = new AsyncDisposableStack()
  const env = { PATH: process.env['PATH'] ?? '' }
  const socket = join(folder, 'fcgiwrap.sock')
  const fcgiwrap = await startDaemon({
    command: fcgiwrapPath,
    args: ['-c', '4', '-s', `unix:${socket}`],
    env,
    output: join(folder, 'fcgiwrap.log'),
  })
  started.use(fcgiwrap)
  await untilListening(fcgiwrap, { path: socket })

  const port = await freePort()
  const configuration = join(folder, 'nginx.conf')
  const { httpBackend } = await gitInstallation()
  await writeFile(configuration, configurationOf({ root, folder, socket, port, httpBackend }))
  const nginx = await startDaemon({
    command: nginxPath,
    args: ['-p', folder, '-c', configuration, '-e', join(folder, 'error.log')],
    env,
    output: join(folder, 'nginx.log'),
  })
  started.use(nginx)
  await untilListening(nginx, { port })

  const roots = [nginx.pid, fcgiwrap.pid]
  const { stderr } = await promisify(execFile)(nginxPath, ['-v'])
  const parts = started.move()
  return {
    name: 'nginx',
    title: 'nginx + fcgiwrap',
    version: /nginx\/(\S+)/.exec(stderr)?.[1] ?? 'unknown',
    server: {
      port,
      ownProcesses: async () => ['nginx', 'fcgiwrap'].flatMap((name) => named(name, roots)),
      allProcesses: async () => treeOf(roots).map(({ pid }) => pid),
    },
    cpu: async () => {
      const [own, wrappers] = [named('nginx', roots), named('fcgiwrap', roots)].map(cpuTimeOf)
      // fcgiwrap waits for no child, and what a child that is not waited for has used is counted nowhere.
      return { nginx: own!.own, fcgiwrap: wrappers!.own, git: NaN }
    },
    open: async () => new HttpClient(port),
    address: (repository) => `http://127.0.0.1:${port}/${repository}`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function named(wanted: string, roots: readonly number[]): number[] {
  return treeOf(roots).flatMap(({ pid, name }) => (name === wanted ? pid : []))
}

/** A configuration as an operator who knows git would write it. Each departure from a default says why. */
function configurationOf(options: {
  root: string
  folder: string
  socket: string
  port: number
  httpBackend: string
}): string {
  const { root, folder, socket, port, httpBackend } = options
  const isRoot = process.getuid?.() === 0
  const backend = Object.entries(backendEnvironment(root)).map(([name, value]) => `fastcgi_param ${name} "${value}";`)
  return `
daemon off;
worker_processes auto;
pid ${folder}/nginx.pid;
${isRoot ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  fastcgi_temp_path ${folder}/fastcgi;
  proxy_temp_path ${folder}/proxy;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  tcp_nopush on;
  keepalive_timeout 75;
  # git's and these clients' connections live long.
  keepalive_requests 1000000;
  # Pushes are as large as they are.
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location ~ "/(info/refs|git-upload-pack|git-receive-pack)$" {
      fastcgi_pass unix:${socket};
      fastcgi_param SCRIPT_FILENAME ${httpBackend};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      ${backend.join('\n      ')}
      # Replies stay buffered, in files if need be, as is nginx's default: slow clients would soon hold all four processes.
      # git works on a push while it comes, and its body is not written to disk twice.
      fastcgi_request_buffering off;
      # git may count objects for minutes before it says a word.
      fastcgi_read_timeout 1h;
      fastcgi_send_timeout 1h;
    }
  }
}
`
}
