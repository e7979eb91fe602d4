{{- define "hearth.name" -}}
{{- default "hearth" .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "hearth.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "hearth.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "hearth.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hearth.labels" -}}
helm.sh/chart: hearth-{{ .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/name: {{ include "hearth.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of the pods that run Hearth: ours, or those of the pods that it is a sidecar of. */}}
{{- define "hearth.podLabels" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if not .Values.podSelector -}}
{{- fail "podSelector: a Service for sidecars needs the labels of their pods" -}}
{{- end -}}
{{- toYaml .Values.podSelector -}}
{{- else -}}
app.kubernetes.io/name: {{ include "hearth.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- end -}}

{{- define "hearth.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "hearth.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "hearth.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "hearth.keysSecret" -}}
{{- default (printf "%s-keys" (include "hearth.fullname" .)) .Values.keys.existingSecret -}}
{{- end -}}

{{- define "hearth.adminSecret" -}}
{{- default (printf "%s-admin" (include "hearth.fullname" .)) .Values.admin.existingSecret -}}
{{- end -}}

{{/* Whether the admin listener can be reached from outside the pod, and so needs a token: "true" or nothing. */}}
{{- define "hearth.adminOpen" -}}
{{- if or (eq .Values.mode "daemonset") .Values.fanout.enabled -}}true{{- end -}}
{{- end -}}
