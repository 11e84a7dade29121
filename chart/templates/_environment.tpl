{{/* The settings of the service, each under the name that it knows. int64: Helm reads numbers as floats. */}}
{{- define "pcap-analyzer.environment" -}}
{{- with .Values.env -}}
- name: DATA_DIR
  value: {{ .dataDir | quote }}
# An analysis keeps rows of many flows in a file without a name: on the volume, not in the memory behind /tmp.
- name: TMPDIR
  value: {{ .dataDir | quote }}
- name: MAX_UPLOAD_SIZE_MB
  value: {{ .maxUploadSizeMB | int64 | quote }}
- name: REPORT_TTL_HOURS
  value: {{ .reportTTLHours | int64 | quote }}
- name: LOG_LEVEL
  value: {{ .logLevel | quote }}
- name: LOG_MODE
  value: {{ .logMode | quote }}
- name: AUDIT_LOG
  value: {{ .auditLog | quote }}
- name: AUDIT_LOG_MAX_MB
  value: {{ .auditLogMaxMB | int64 | quote }}
- name: RATE_LIMIT_PER_MINUTE
  value: {{ .rateLimitPerMinute | int64 | quote }}
{{- with .trustedProxies }}
- name: TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
- name: MAX_QUEUE_SIZE
  value: {{ .maxQueueSize | int64 | quote }}
- name: WORKERS
  value: {{ include "pcap-analyzer.workers" $ | quote }}
- name: ANALYSIS_MEMORY_MB
  value: {{ include "pcap-analyzer.analysisMemory" $ | quote }}
- name: ANALYSIS_CPU_SECONDS
  value: {{ .analysisCpuSeconds | int64 | quote }}
- name: DECOMPRESSION_RATIO_WARN
  value: {{ .decompressionRatioWarn | int64 | quote }}
- name: DECOMPRESSION_RATIO_MAX
  value: {{ .decompressionRatioMax | int64 | quote }}
{{- if .databaseUrl }}
- name: DATABASE_URL
  value: {{ .databaseUrl | quote }}
{{- end }}
{{- end }}
- name: AUTH_MODE
  value: {{ .Values.auth.mode | quote }}
{{- if eq .Values.auth.mode "token" }}
- name: AUTH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "pcap-analyzer.secret" . }}
      key: token
{{- end }}
{{- end }}
