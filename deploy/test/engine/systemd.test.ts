import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { freePort } from '@sluice/shared/testing/free-port'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { BusyClones } from './busy-clones.ts'
import { Container, skipWithoutPodman as skip } from './podman.ts'
import type { Line } from './podman.ts'

/** The units, run by a real systemd as PID 1 of a container, on a machine that is set up as docs/operate/deploy.md says. */

const units = fileURLToPath(new URL('../../systemd', import.meta.url))
const both = ['sluice-supervisor', 'sluice-gateway']

type Machine = AsyncDisposable & {
  readonly url: string
  readonly address: string
  readonly sh: (command: string) => Promise<string>
}

async function boot(): Promise<Machine> {
  await using started = new AsyncDisposableStack()
  const address = `127.0.0.1:${await freePort()}`
  const options = [
    '--privileged',
    '--systemd=always',
    `--publish=${address}:8080`,
    `--volume=${units}:/opt/sluice/deploy/systemd:ro`,
  ]
  const container = started.use(await Container.start(...options, 'sluice-machine'))
  const sh = async (command: string) => container.sh(command)
  await until('systemd to run', async () => /running|degraded/.test(await sh('systemctl is-system-running || true')))
  const setup = [
    'useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin sluice',
    'install -d -o sluice -g sluice /srv/git && install -d /etc/sluice',
    "printf '%s\\n' SLUICE_LISTEN=0.0.0.0:8080 \"SLUICE_OPEN_TO_NETWORK='everyone on this network may read and push'\" >gateway.env",
    'echo SLUICE_CREATE_ON_PUSH=on >supervisor.env',
    'install -m 0640 -g sluice gateway.env supervisor.env /etc/sluice/',
    'cp deploy/systemd/*.service /etc/systemd/system/',
    'systemctl daemon-reload && systemctl enable --now --quiet sluice-supervisor sluice-gateway',
  ]
  await sh(`cd /opt/sluice && ${setup.join(' && ')}`)
  const all = started.move()
  const machine = { url: `http://${address}`, address, sh, [Symbol.asyncDispose]: () => all.disposeAsync() }
  await ready(machine)
  return machine
}

const ready = async ({ address }: Pick<Machine, 'address'>) =>
  until('the gateway to be ready', async () => (await ask(address, '/readyz').catch(() => undefined))?.status === 200)

const property = async ({ sh }: Machine, unit: string, name: string) => sh(`systemctl show --value -p ${name} ${unit}`)

/** The application's lines, as journald has them. */
async function journal({ sh }: Machine, unit: string): Promise<Line[]> {
  const text = await sh(`journalctl --quiet --output=cat --identifier=${unit}`)
  return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line) // prettier-ignore
}

async function push(folder: string, url: string): Promise<void> {
  await git(folder, ['init', '--quiet', 'work'])
  const work = join(folder, 'work')
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
  await git(work, ['push', '--quiet', `${url}/new.git`, 'HEAD:main'])
}

test(
  'systemd starts both units, which serve, restart, come back when they are killed, and stop',
  { skip },
  async () => {
    await using machine = await boot()
    await using folder = await temporaryFolder()
    const { sh, url } = machine
    await push(folder.path, url)
    await git(folder.path, ['clone', '--quiet', `${url}/new.git`, 'cloned'])

    // The sandbox of the unit hinders neither the launcher nor git, and the limits are the unit's own.
    const lines = await until('the journal to have the start', async () => {
      const all = await journal(machine, 'sluice-supervisor')
      return all.some(({ msg }) => String(msg).startsWith('listening')) && all
    })
    const start = lines.find(({ msg }) => String(msg).startsWith('listening'))
    assert.equal(start?.['runtime'], 'launcher')
    assert.deepEqual(lines.filter(({ level }) => level === 'warn' || level === 'error'), []) // prettier-ignore
    assert.equal(
      await sh("stat -c '%U %a' /srv/git/new.git/objects /run/sluice/supervisor.sock | head -n 1"),
      'sluice 750',
    )

    // A restart of the host while somebody clones.
    await using busy = new BusyClones(folder.path, `${url}/new.git`)
    await busy.some()
    await sh('systemctl restart sluice-supervisor')
    await busy.some()
    assert.deepEqual(await busy.stop(), [])

    // Killed as the kernel does when memory is short.
    for (const unit of both) {
      const pid = await property(machine, unit, 'MainPID')
      await sh(`systemctl kill --kill-who=main --signal=KILL ${unit}`)
      await until(`${unit} to run again`, async () => {
        const state = await property(machine, unit, 'ActiveState')
        return state === 'active' && !['0', pid].includes(await property(machine, unit, 'MainPID'))
      })
      assert.equal(await property(machine, unit, 'NRestarts'), '1')
    }
    await ready(machine)
    await git(folder.path, ['clone', '--quiet', `${url}/new.git`, 'after'])

    await sh(`systemctl stop ${both.toReversed().join(' ')}`)
    for (const unit of both) {
      assert.equal(await property(machine, unit, 'Result'), 'success')
      assert.equal(await property(machine, unit, 'ExecMainStatus'), '0')
      // journald writes when it gets to it.
      await until(
        `${unit} to say that it has stopped`,
        async () => (await journal(machine, unit)).at(-1)?.['msg'] === 'stopped',
      )
    }
    assert.equal(await sh('cat /proc/[0-9]*/comm | grep -cE "^(node|git|bun|sluice|MainThread)" || true'), '0')
  },
)

test('a configuration that is not valid is not tried again, and the journal says what is wrong', { skip }, async () => {
  await using machine = await boot()
  await machine.sh('echo SLUICE_DRAIN_TIMEOUT=soon >/etc/sluice/gateway.env; systemctl restart sluice-gateway || true')
  await until('it to give up', async () => (await property(machine, 'sluice-gateway', 'ActiveState')) === 'failed')
  assert.equal(await property(machine, 'sluice-gateway', 'ExecMainStatus'), '78')
  assert.equal(await property(machine, 'sluice-gateway', 'NRestarts'), '0')
  await until('the journal to say why', async () =>
    /SLUICE_DRAIN_TIMEOUT/.test(await machine.sh('journalctl --quiet --output=cat -u sluice-gateway')),
  )
})

test('two gateways on one port are restarted one after the other, and no clone fails', { skip }, async () => {
  await using machine = await boot()
  await using folder = await temporaryFolder()
  const { sh, url } = machine
  await push(folder.path, url)
  const steps = [
    // Connections that one of them has not accepted yet go to the other when it closes its socket.
    'echo 1 >/proc/sys/net/ipv4/tcp_migrate_req',
    'echo SLUICE_REUSE_PORT=on >>/etc/sluice/gateway.env',
    'for n in 1 2; do echo SLUICE_GATEWAY_OPERATIONS=127.0.0.1:908$n >/etc/sluice/gateway-$n.env; done',
    'cp /etc/systemd/system/sluice-gateway.service /etc/systemd/system/sluice-gateway@.service',
    'systemctl daemon-reload && systemctl disable --now --quiet sluice-gateway',
    'systemctl enable --now --quiet sluice-gateway@1 sluice-gateway@2',
  ]
  await sh(steps.join(' && '))
  await ready(machine)
  await using busy = new BusyClones(folder.path, `${url}/new.git`)
  for (const unit of ['sluice-gateway@1', 'sluice-gateway@2']) {
    await busy.some()
    const listens = async () =>
      (await journal(machine, unit)).filter(({ msg }) => String(msg).startsWith('listening')).length
    const before = await until(`${unit} to listen`, listens)
    await sh(`systemctl restart ${unit}`)
    await until(`${unit} to listen again`, async () => (await listens()) > before)
  }
  await busy.some()
  assert.deepEqual(await busy.stop(), [])
})
