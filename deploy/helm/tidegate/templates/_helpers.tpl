{{- define "tidegate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.selector" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* The main file: what is the chart's own, and what `config` adds to it. */ -}}
{{- define "tidegate.config" -}}
{{- $listener := dict "address" (printf "${ env.TIDEGATE_LISTEN | default(%q) }" "0.0.0.0:8443") -}}
{{- if .Values.tls.enabled -}}
{{- $file := dict "cert" (dict "file" "/run/secrets/tls/tls.crt") "key" (dict "file" "/run/secrets/tls/tls.key") -}}
{{- with .Values.tls.clientCa -}}
{{- $_ := set $file "client-ca" (dict "file" (printf "/run/secrets/tls/%s" .)) -}}
{{- end -}}
{{- $_ := set $listener "tls" $file -}}
{{- else -}}
{{- $_ := set $listener "http2" true -}}
{{- end -}}
{{- $own := dict
      "listeners" (list $listener)
      "admin" (dict "address" (printf "${ env.TIDEGATE_ADMIN | default(%q) }" "0.0.0.0:9464"))
      "routes" "route-*.yaml"
      "limits" (dict "memory" (printf "%dMiB" (int .Values.memory.budgetMiB)))
      "timeouts" (dict "drain" (printf "%ds" (int .Values.drainSeconds))) -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}
