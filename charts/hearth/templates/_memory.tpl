{{/* hearth.bytes reads a size as Hearth does (64KiB, 1.5GiB, 1GB, 512) and prints whole bytes. */}}
{{- define "hearth.bytes" -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" . -}}
{{- $unit := trimPrefix $number . | trim | upper | trimSuffix "B" -}}
{{- $factors := dict "" 1 "K" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "KI" 1024 "MI" 1048576 "GI" 1073741824 "TI" 1099511627776 -}}
{{- if or (not $number) (not (hasKey $factors $unit)) -}}
{{- fail (printf "%q is not a size such as 512MiB or 8GiB" .) -}}
{{- end -}}
{{- mulf (float64 $number) (get $factors $unit) | int64 -}}
{{- end -}}

{{/* hearth.memory is the container's memory in MiB: what the budgets add up to (docs/configuration.md, "Memory of the process"). */}}
{{- define "hearth.memory" -}}
{{- if .Values.resources.memory -}}
{{- .Values.resources.memory -}}
{{- else -}}
{{- $memory := include "hearth.bytes" (toString (default "1GiB" .Values.config.memory)) | int64 -}}
{{- $index := include "hearth.bytes" (toString (default "128MiB" (index .Values.config "index-cache"))) | int64 -}}
{{- $headroom := include "hearth.bytes" (toString .Values.resources.memoryHeadroom) | int64 -}}
{{- $writes := 0 -}}
{{- if eq (toString (index .Values.config "engine-write")) "true" -}}
{{- $writes = include "hearth.bytes" (toString (default "256MiB" (index .Values.config "engine-write-memory"))) | int64 | mul 3 -}}
{{- end -}}
{{- $sum := add $memory $index $writes (div $memory 20) $headroom 67108864 -}}
{{- printf "%dMi" (div (add $sum 1048575) 1048576) -}}
{{- end -}}
{{- end -}}
