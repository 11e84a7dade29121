{{/* Names and labels. Kubernetes allows 63 characters; a suffix such as -token must still fit. */}}

{{- define "pcap-analyzer.chart" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "pcap-analyzer.name" -}}
{{- $chart := include "pcap-analyzer.chart" . -}}
{{- $made := contains $chart .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $chart) -}}
{{ default $made .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "pcap-analyzer.selector" -}}
app.kubernetes.io/name: {{ include "pcap-analyzer.chart" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end }}

{{- define "pcap-analyzer.common" -}}
app.kubernetes.io/name: {{ include "pcap-analyzer.chart" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pcap-analyzer.labels" -}}
{{ include "pcap-analyzer.common" . }}
app.kubernetes.io/component: service
{{- end }}

{{- define "pcap-analyzer.account" -}}
{{- $unnamed := .Values.serviceAccount.create | ternary (include "pcap-analyzer.name" .) "default" -}}
{{ default $unnamed .Values.serviceAccount.name }}
{{- end }}

{{- define "pcap-analyzer.claim" -}}
{{ default (include "pcap-analyzer.name" .) .Values.persistence.existingClaim }}
{{- end }}

{{- define "pcap-analyzer.secret" -}}
{{ default (printf "%s-token" (include "pcap-analyzer.name" .)) .Values.auth.existingSecret }}
{{- end }}

{{- define "pcap-analyzer.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end }}

{{/* The same for every pod: pods of this chart pass the restricted Pod Security Standard. */}}
{{- define "pcap-analyzer.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "pcap-analyzer.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
