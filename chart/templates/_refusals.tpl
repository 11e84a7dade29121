{{/* What would install and not work is refused here, with a sentence that says why and what to do. */}}

{{- define "pcap-analyzer.refusals" -}}
{{- include "pcap-analyzer.refuseReplicas" . -}}
{{- include "pcap-analyzer.refuseUpload" . -}}
{{- include "pcap-analyzer.refuseMemory" . -}}
{{- include "pcap-analyzer.refuseNames" . -}}
{{- end }}

{{- define "pcap-analyzer.refuseReplicas" -}}
{{- if gt (.Values.replicaCount | int64) 1 -}}
{{- $reasons := list "the database is SQLite, a file that only one pod may write" -}}
{{- if eq .Values.persistence.accessMode "ReadWriteOnce" -}}
{{- $reasons = append $reasons "the volume is ReadWriteOnce, which only one node can mount" -}}
{{- end -}}
{{- fail (printf "replicaCount is %d, but %s. Use replicaCount 1; for more analyses at a time raise resources.limits and env.workers, for more users than one pod can serve install one release for each team." (.Values.replicaCount | int64) (join ", and " $reasons)) -}}
{{- end -}}
{{- end }}

{{- define "pcap-analyzer.refuseUpload" -}}
{{- $half := div (include "pcap-analyzer.mebibytes" .Values.persistence.size | int64) 2 -}}
{{- if gt (.Values.env.maxUploadSizeMB | int64) $half -}}
{{- fail (printf "env.maxUploadSizeMB is %d, but persistence.size is %v and an upload may take at most half of it, %d MiB. Lower env.maxUploadSizeMB or raise persistence.size." (.Values.env.maxUploadSizeMB | int64) .Values.persistence.size $half) -}}
{{- end -}}
{{- end }}

{{- define "pcap-analyzer.refuseMemory" -}}
{{- $limit := include "pcap-analyzer.mebibytes" .Values.resources.limits.memory | int64 -}}
{{- $workers := include "pcap-analyzer.workers" . | int64 -}}
{{- $analysis := include "pcap-analyzer.analysisMemory" . | int64 -}}
{{- $web := include "pcap-analyzer.webMemory" . | int64 -}}
{{- if lt $analysis 256 -}}
{{- fail (printf "resources.limits.memory is %v, which leaves %d MiB for each of %d analyses beside %d MiB for the web server; at least 256 are needed. Raise resources.limits.memory or lower env.workers." .Values.resources.limits.memory $analysis $workers $web) -}}
{{- end -}}
{{- if gt (add $web (mul $workers $analysis)) $limit -}}
{{- fail (printf "env.analysisMemoryMB is %d, but %d analyses of that size and %d MiB for the web server do not fit into resources.limits.memory, %v. Lower env.analysisMemoryMB or env.workers, or raise resources.limits.memory." $analysis $workers $web .Values.resources.limits.memory) -}}
{{- end -}}
{{- end }}

{{- define "pcap-analyzer.refuseNames" -}}
{{- $set := list "DATA_DIR" "TMPDIR" "MAX_UPLOAD_SIZE_MB" "REPORT_TTL_HOURS" "LOG_LEVEL" "LOG_MODE" "MAX_QUEUE_SIZE" "WORKERS" "ANALYSIS_MEMORY_MB" "ANALYSIS_CPU_SECONDS" "DECOMPRESSION_RATIO_WARN" "DECOMPRESSION_RATIO_MAX" "DATABASE_URL" "AUTH_MODE" "AUTH_TOKEN" -}}
{{- range .Values.extraEnv -}}
{{- if has .name $set -}}
{{- fail (printf "extraEnv names %s, which the chart sets itself. Use the value of that name below env or auth." .name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress is enabled, but ingress.hosts is empty. Name at least one host." -}}
{{- end -}}
{{- $below := printf "sqlite:///%s/" (trimSuffix "/" .Values.env.dataDir) -}}
{{- if and .Values.env.databaseUrl (not (hasPrefix $below .Values.env.databaseUrl)) -}}
{{- fail (printf "env.databaseUrl is %s, but only what is below env.dataDir lies on the volume and may be written. Let it begin with %s, or leave it empty." .Values.env.databaseUrl $below) -}}
{{- end -}}
{{- end }}
