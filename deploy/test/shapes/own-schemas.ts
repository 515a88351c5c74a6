/** Kubernetes' own schemas know types and patterns, and accept unknown keys. */
const schemas: Readonly<Record<string, string>> = {
  Namespace: 'IoK8sApiCoreV1Namespace',
  Service: 'IoK8sApiCoreV1Service',
  ConfigMap: 'IoK8sApiCoreV1ConfigMap',
  PersistentVolumeClaim: 'IoK8sApiCoreV1PersistentVolumeClaim',
  Deployment: 'IoK8sApiAppsV1Deployment',
  StatefulSet: 'IoK8sApiAppsV1StatefulSet',
  HorizontalPodAutoscaler: 'IoK8sApiAutoscalingV2HorizontalPodAutoscaler',
  PodDisruptionBudget: 'IoK8sApiPolicyV1PodDisruptionBudget',
  NetworkPolicy: 'IoK8sApiNetworkingV1NetworkPolicy',
  Ingress: 'IoK8sApiNetworkingV1Ingress',
}

/** @returns what is wrong with a manifest by the schema of its kind; undefined if nothing is */
export async function problemsOf(manifest: { readonly kind: string }): Promise<unknown> {
  const module = (await import(`kubernetes-models/_schemas/${schemas[manifest.kind]}`)) as {
    validate: ((data: unknown) => boolean) & { errors?: unknown }
  }
  return module.validate(manifest) ? undefined : module.validate.errors
}
