{{- define "latchkey.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "latchkey.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "latchkey.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "latchkey.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "latchkey.secret" -}}
{{- default (include "latchkey.fullname" .) .Values.existingSecret }}
{{- end }}

{{- define "latchkey.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- /* Takes a list: the context, and the component. */}}
{{- define "latchkey.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "latchkey.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "latchkey.labels" -}}
{{- $root := index . 0 -}}
{{ include "latchkey.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- /* What stands in a ConfigMap or a variable: large whole numbers of YAML would otherwise come out as 2.592e+06. */}}
{{- define "latchkey.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ printf "%.0f" . | quote }}{{ else }}{{ toString . | quote }}{{ end }}
{{- end }}

{{- define "latchkey.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "latchkey.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Takes a list: the name of a volume, and its values. */}}
{{- define "latchkey.caVolume" -}}
{{- $ca := index . 1 -}}
- name: {{ index . 0 }}
  {{- if $ca.secret }}
  secret:
    secretName: {{ $ca.secret }}
  {{- else }}
  configMap:
    name: {{ $ca.configMap }}
  {{- end }}
    items:
      - key: {{ $ca.key }}
        path: ca.crt
{{- end }}

{{- define "latchkey.caMount" -}}
- name: {{ . }}
  mountPath: /etc/latchkey/{{ . }}
  readOnly: true
{{- end }}

{{- /* Rules of both NetworkPolicies. */}}
{{- define "latchkey.dnsRule" -}}
- {{- with .Values.networkPolicy.dnsTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}

{{- define "latchkey.databaseRule" -}}
- {{- with .Values.networkPolicy.databaseTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    {{- range prepend .Values.networkPolicy.extraDatabasePorts .Values.networkPolicy.databasePort }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end }}

{{- define "latchkey.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation
{{- end }}
