{{/*
hearth.container is the container, without dash: an entry of initContainers for a native sidecar, of containers in the DaemonSet.
In a chart that has this one as its dependency "hearth":

  initContainers:
    - {{- include "hearth.container" .Subcharts.hearth | nindent 6 }}
  volumes:
    {{- include "hearth.volumes" .Subcharts.hearth | nindent 4 }}
*/}}
{{- define "hearth.container" -}}
{{- $sidecar := eq .Values.mode "sidecar" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (hasKey .Values.config "ops-tls-cert") -}}
name: hearth
image: {{ include "hearth.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/hearth/config/hearth.yaml]
{{- if $sidecar }}
restartPolicy: Always
{{- end }}
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.origin.existingSecret }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
ports:
{{- if not $sidecar }}
  - {name: s3, containerPort: {{ .Values.ports.s3 }}}
{{- end }}
{{- if include "hearth.adminOpen" . }}
  - {name: hearth-admin, containerPort: {{ .Values.ports.admin }}}
{{- end }}
  - {name: hearth-ops, containerPort: {{ .Values.ports.ops }}}
startupProbe:
  httpGet: {path: /healthz, port: hearth-ops, scheme: {{ $scheme }}}
  periodSeconds: {{ .Values.probes.startupPeriodSeconds }}
  failureThreshold: {{ .Values.probes.startupFailureThreshold }}
livenessProbe:
  httpGet: {path: /healthz, port: hearth-ops, scheme: {{ $scheme }}}
  periodSeconds: {{ .Values.probes.livenessPeriodSeconds }}
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: hearth-ops, scheme: {{ $scheme }}}
  periodSeconds: {{ .Values.probes.readinessPeriodSeconds }}
  timeoutSeconds: 3
resources:
  requests:
    cpu: {{ .Values.resources.cpu | quote }}
    memory: {{ include "hearth.memory" . }}
  limits:
    {{- with .Values.resources.cpuLimit }}
    cpu: {{ . | quote }}
    {{- end }}
    memory: {{ include "hearth.memory" . }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: hearth-config, mountPath: /etc/hearth/config, readOnly: true}
  {{- if not .Values.keys.none }}
  - {name: hearth-keys, mountPath: /etc/hearth/keys, readOnly: true}
  {{- end }}
  {{- if include "hearth.adminOpen" . }}
  - {name: hearth-admin, mountPath: /etc/hearth/admin, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* hearth.volumes are the volumes that hearth.container mounts. */}}
{{- define "hearth.volumes" -}}
- name: hearth-config
  configMap:
    name: {{ include "hearth.fullname" . }}
{{- if not .Values.keys.none }}
- name: hearth-keys
  secret:
    secretName: {{ include "hearth.keysSecret" . }}
    items: [{key: {{ .Values.keys.entry }}, path: keys.yaml}]
{{- end }}
{{- if include "hearth.adminOpen" . }}
- name: hearth-admin
  secret:
    secretName: {{ include "hearth.adminSecret" . }}
    items: [{key: {{ .Values.admin.entry }}, path: token}]
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
