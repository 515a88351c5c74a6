{{/* The name of an object: sluice.name (list $ "gateway") */}}
{{- define "sluice.name" -}}
{{- $root := index . 0 -}}
{{- $prefix := $root.Values.namePrefix -}}
{{- if kindIs "invalid" $prefix }}{{ $prefix = printf "%s-" $root.Release.Name }}{{ end -}}
{{- printf "%s%s" $prefix (index . 1) -}}
{{- end -}}

{{/* What selects the pods of an application: sluice.selector (list $ "gateway") */}}
{{- define "sluice.selector" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end -}}

{{/* The labels of an object: sluice.labels (list $ "gateway") */}}
{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end -}}

{{- define "sluice.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/*
  What the chart sets, and then what the values say: sluice.environment (list $defaults $settings). To helm, on and off
  without quotes are true and false.
*/}}
{{- define "sluice.environment" -}}
{{- $all := merge (dict) (index . 1) (index . 0) -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ if kindIs "bool" $value }}{{ ternary "on" "off" $value | quote }}{{ else }}{{ toString $value | quote }}{{ end }}
{{- end -}}
{{- end -}}

{{/* A probe of a path on a named port: sluice.probe (dict "path" … "port" … "period" … "failures" … "scheme" …) */}}
{{- define "sluice.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  {{- if .https }}
  scheme: HTTPS
  {{- end }}
periodSeconds: {{ .period }}
failureThreshold: {{ .failures }}
timeoutSeconds: 10
{{- end -}}

{{- define "sluice.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "sluice.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* Where a pod may run, and what else is said of it: sluice.placement (list $ $values) */}}
{{- define "sluice.placement" -}}
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with (index . 1).nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What tells gateways and hosts of a cluster where etcd is: a dictionary as YAML. sluice.etcd $ */}}
{{- define "sluice.etcd" -}}
{{- if not .Values.cluster.etcd }}{{ fail "cluster.etcd must name the members of etcd" }}{{ end -}}
SLUICE_CLUSTER: etcd
SLUICE_ETCD: {{ join "," .Values.cluster.etcd | quote }}
{{- with .Values.cluster.etcdUser }}
SLUICE_ETCD_USER: {{ . | quote }}
{{- end }}
{{- if .Values.cluster.etcdSecret }}
SLUICE_ETCD_PASSWORD_FILE: /etc/sluice/etcd/password
{{- end }}
{{- end -}}

{{/* What hosts and gateways of a cluster may reach beyond one another. */}}
{{- define "sluice.etcdEgress" -}}
- ports: [{ protocol: TCP, port: 2379 }]
{{- end -}}

{{- define "sluice.dnsEgress" -}}
- to:
    - namespaceSelector: {}
      podSelector:
        matchLabels: { k8s-app: kube-dns }
  ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]
{{- end -}}
