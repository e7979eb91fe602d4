{{/* hearth.config is hearth.yaml: the settings given, and those that follow from how Hearth runs. */}}
{{- define "hearth.config" -}}
{{- $open := include "hearth.adminOpen" . -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "listen" (printf "%s:%v" (ternary "127.0.0.1" "" (eq .Values.mode "sidecar")) .Values.ports.s3) -}}
{{- $_ := set $config "admin-listen" (printf "%s:%v" (ternary "" "127.0.0.1" (eq $open "true")) .Values.ports.admin) -}}
{{- $_ := set $config "ops-listen" (printf ":%v" .Values.ports.ops) -}}
{{- if .Values.keys.none -}}
{{- $_ := set $config "auth" "none" -}}
{{- else -}}
{{- $_ := set $config "keys-file" "/etc/hearth/keys/keys.yaml" -}}
{{- end -}}
{{- if $open -}}
{{- $_ := set $config "admin-token-file" "/etc/hearth/admin/token" -}}
{{- end -}}
{{- if .Values.fanout.enabled -}}
{{- $_ := set $config "peers" (printf "%s://%s-peers.%s.svc:%v" (ternary "https" "http" (hasKey .Values.config "admin-tls-cert")) (include "hearth.fullname" .) .Release.Namespace .Values.ports.admin) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* hearth.check refuses values that contradict each other. */}}
{{- define "hearth.check" -}}
{{- if and .Values.keys.none (ne .Values.mode "sidecar") -}}
{{- fail "keys.none: only a sidecar, which listens on loopback, can do without keys" -}}
{{- end -}}
{{- if not (or .Values.keys.none .Values.keys.existingSecret .Values.keys.inline) -}}
{{- fail "keys: clients need keys to sign with: set keys.existingSecret (or keys.inline, or, in a sidecar, keys.none)" -}}
{{- end -}}
{{- if and .Values.keys.none (or .Values.keys.existingSecret .Values.keys.inline) -}}
{{- fail "keys.none: there are keys too: remove one of the two" -}}
{{- end -}}
{{- end -}}
