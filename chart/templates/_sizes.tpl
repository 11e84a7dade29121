{{/* Quantities of Kubernetes as numbers, and what the settings of the service follow from them. */}}

{{/* "10Gi", "4096M", 1073741824 → MiB, rounded down. values.schema.json lets no other unit through. */}}
{{- define "pcap-analyzer.mebibytes" -}}
{{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- $text := ternary (. | int64 | toString) (toString .) (kindIs "float64" .) -}}
{{- $number := regexFind "^[0-9.]+" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{ divf (mulf ($number | float64) (get $units $unit)) 1048576.0 | floor | int64 }}
{{- end }}

{{/* "2", 1.5, "2500m" → whole cores, rounded down. */}}
{{- define "pcap-analyzer.cores" -}}
{{- $text := toString . -}}
{{- $number := trimSuffix "m" $text | float64 -}}
{{ hasSuffix "m" $text | ternary (divf $number 1000.0) $number | floor | int64 }}
{{- end }}

{{/* As many analyses as cores, less the one that answers. The service itself would count the node's cores. */}}
{{- define "pcap-analyzer.workers" -}}
{{- if kindIs "invalid" .Values.env.workers -}}
{{ max 1 (sub (include "pcap-analyzer.cores" .Values.resources.limits.cpu | int64) 1) }}
{{- else -}}
{{ .Values.env.workers | int64 }}
{{- end -}}
{{- end }}

{{/* MiB kept for the web server and /tmp. */}}
{{- define "pcap-analyzer.webMemory" -}}512{{- end }}

{{- define "pcap-analyzer.analysisMemory" -}}
{{- if kindIs "invalid" .Values.env.analysisMemoryMB -}}
{{- $limit := include "pcap-analyzer.mebibytes" .Values.resources.limits.memory | int64 -}}
{{ div (sub $limit (include "pcap-analyzer.webMemory" . | int64)) (include "pcap-analyzer.workers" . | int64) }}
{{- else -}}
{{ .Values.env.analysisMemoryMB | int64 }}
{{- end -}}
{{- end }}

{{/* ingress-nginx counts the whole form: the capture and a mebibyte around it. */}}
{{- define "pcap-analyzer.bodySize" -}}
{{ add (.Values.env.maxUploadSizeMB | int64) 1 }}m
{{- end }}
