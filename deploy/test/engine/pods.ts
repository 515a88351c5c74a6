import { chmod, chown, cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { kinds } from '../shapes/kubernetes.ts'
import { Container, podman, tryPodman } from './podman.ts'

/** What a node makes of the manifests' pods: their containers, users, limits and volumes. There are no probes and no scaling. */

type Workload = ReturnType<typeof kinds.Deployment.parse> | ReturnType<typeof kinds.StatefulSet.parse>
type Pod = Workload['spec']['template']['spec']

/** @returns the first workload in a file of deploy/kubernetes */
export async function workloadIn(name: string): Promise<Workload> {
  const text = await readFile(new URL(`../../kubernetes/${name}`, import.meta.url), 'utf8')
  // The octal numbers of YAML 1.1, which Kubernetes reads.
  const all = parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as { kind: string })
  const found = all.find(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')!
  return found.kind === 'Deployment' ? kinds.Deployment.parse(found) : kinds.StatefulSet.parse(found)
}

export type Node = {
  readonly network: string
  /** A folder with one folder for each secret. */
  readonly secrets: string
  /** The node's own folder, for what it mounts. */
  readonly folder: string
}

/** Runs the containers of a pod. */
export async function startPod(workload: Workload, names: readonly string[], node: Node): Promise<Container> {
  const pod = workload.spec.template.spec
  const mounts = await mountsOf(workload, node)
  const { runAsUser, runAsGroup } = pod.securityContext
  const common = (container: Pod['containers'][number] | NonNullable<Pod['initContainers']>[number]) => [
    `--user=${runAsUser}:${runAsGroup}`,
    ...(container.securityContext.readOnlyRootFilesystem ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...(container.securityContext.allowPrivilegeEscalation ? [] : ['--security-opt=no-new-privileges']),
    ...container.securityContext.capabilities.drop.map((capability) => `--cap-drop=${capability}`),
    `--memory=${String(container.resources.limits['memory']).replace(/i$/, '')}`,
    ...container.volumeMounts.map(({ name, mountPath, readOnly }) =>
      `--volume=${mounts[name]}:${mountPath}${readOnly ? ':ro' : ''}`),
  ] // prettier-ignore
  for (const init of pod.initContainers ?? []) {
    const [entrypoint, ...args] = init.command
    await podman('run', '--rm', ...common(init), '--network=none', `--entrypoint=${entrypoint}`, init.image, ...args)
  }
  const [container] = pod.containers
  return Container.start(
    ...common(container!),
    `--network=${node.network}`,
    ...names.map((name) => `--network-alias=${name}`),
    `--stop-timeout=${pod.terminationGracePeriodSeconds}`,
    ...container!.env.map(({ name, value }) => `--env=${name}=${value}`),
    container!.image,
    ...container!.args,
  )
}

/** A source for each volume of the pod. As Kubernetes does it, all belong to its fsGroup. */
async function mountsOf(workload: Workload, { folder, secrets }: Node): Promise<Record<string, string>> {
  const { volumes, securityContext } = workload.spec.template.spec
  const claims =
    workload.kind === 'StatefulSet' ? workload.spec.volumeClaimTemplates.map(({ metadata }) => metadata) : []
  const sources: Record<string, string> = {}
  for (const volume of [...volumes, ...claims]) {
    const source = join(folder, workload.metadata.name, volume.name)
    await mkdir(source, { recursive: true, mode: 0o770 })
    if ('secret' in volume) {
      await cp(join(secrets, volume.secret.secretName), source, { recursive: true })
      await give(source, volume.secret.defaultMode, securityContext.fsGroup)
    }
    await chown(source, 0, securityContext.fsGroup)
    await chmod(source, 0o2770)
    sources[volume.name] = source
  }
  return sources
}

async function give(folder: string, mode: number, group: number): Promise<void> {
  for (const name of await readdir(folder)) {
    await chown(join(folder, name), 0, group)
    await chmod(join(folder, name), mode)
  }
}

/** A network as a cluster has it, where pods have names. */
export async function makeNetwork(name: string): Promise<AsyncDisposable> {
  await podman('network', 'create', name)
  return { [Symbol.asyncDispose]: async () => void (await tryPodman('network', 'rm', '--force', name)) }
}
