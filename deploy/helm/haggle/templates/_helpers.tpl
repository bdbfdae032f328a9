{{/* The beginning of all names. */}}
{{- define "haggle.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- end }}

{{/* The labels that a selector goes by, of [root, component]. */}}
{{- define "haggle.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* All labels, of [root, component]. */}}
{{- define "haggle.labels" -}}
{{ include "haggle.selector" . }}
{{- $root := index . 0 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: haggle
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{/* Metadata of an object, of [root, component, name]. */}}
{{- define "haggle.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "haggle.fullname" $root }}-{{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "haggle.labels" (list $root (index . 1)) | nindent 2 }}
{{- end }}

{{- define "haggle.nats" -}}
{{- .Values.nats.address | default (printf "nats://%s-nats:4222" (include "haggle.fullname" .)) }}
{{- end }}

{{- define "haggle.redis" -}}
{{- .Values.redis.address | default (printf "%s-redis:6379" (include "haggle.fullname" .)) }}
{{- end }}

{{- define "haggle.keys" -}}
{{- .Values.keys.existingSecret | default (printf "%s-keys" (include "haggle.fullname" .)) }}
{{- end }}

{{/* Cores as a number: 500m is 0.5. */}}
{{- define "haggle.cores" -}}
{{- $cpu := . | toString -}}
{{- if hasSuffix "m" $cpu }}{{ divf (trimSuffix "m" $cpu | float64) 1000.0 }}{{ else }}{{ $cpu }}{{ end }}
{{- end }}

{{/* Memory as haggle writes it: 512Mi is 512MiB. */}}
{{- define "haggle.memory" -}}
{{- $memory := . | toString -}}
{{- if hasSuffix "i" $memory }}{{ $memory }}B{{ else }}{{ $memory }}{{ end }}
{{- end }}

{{/* A value as haggle reads it: a whole number without an exponent. */}}
{{- define "haggle.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* What a container may do: nothing. */}}
{{- define "haggle.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "haggle.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/*
The pod of a service, of a dict:
root, component (as in names of objects and of images), section (of the environment), values (defaults merged in),
redis and keys (whether it needs these), ports (a list of dicts), volumes and mounts (lists), args.
*/}}
{{- define "haggle.pod" -}}
{{- $root := .root }}
{{- $values := .values }}
{{- $fullname := include "haggle.fullname" $root }}
metadata:
  annotations:
    checksum/prices: {{ $root.Values.prices | toJson | sha256sum | trunc 16 }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "haggle.labels" (list $root .component) | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $fullname }}-{{ .component }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # More than the time before a replica that ends leaves the Service, and the 5 s in which it finishes what it has.
  terminationGracePeriodSeconds: 30
  securityContext:
    {{- include "haggle.podSecurity" $root | nindent 4 }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $values.topologySpread }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "haggle.selector" (list $root $.component) | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ $root.Values.image.repository }}/{{ .image | default .component }}{{ with $values.digest }}@{{ . }}{{ else }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- with .args }}
      args: {{ toJson . }}
      {{- end }}
      securityContext:
        {{- include "haggle.containerSecurity" $root | nindent 8 }}
      env:
        - {name: HAGGLE_ADMIN, value: ":9600"}
        - {name: HAGGLE_LOG_LEVEL, value: {{ $root.Values.log.level }}}
        - {name: HAGGLE_LOG_FORMAT, value: {{ $root.Values.log.format }}}
        - {name: HAGGLE_PRICES, value: /etc/haggle/prices.json}
        - {name: HAGGLE_CORES, value: {{ include "haggle.cores" $values.resources.requests.cpu | quote }}}
        - {name: HAGGLE_MEMORY, value: {{ include "haggle.memory" $values.resources.requests.memory | quote }}}
        - {name: HAGGLE_NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: HAGGLE_POD, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
        {{- if not .alone }}
        - {name: HAGGLE_NATS, value: {{ include "haggle.nats" $root | quote }}}
        {{- if $root.Values.nats.credentialsSecret }}
        - {name: HAGGLE_NATS_CREDENTIALS, value: /etc/haggle/nats/nats.creds}
        {{- end }}
        {{- if .redis }}
        - {name: HAGGLE_REDIS, value: {{ include "haggle.redis" $root | quote }}}
        {{- end }}
        {{- end }}
        {{- if or .keys (and .redis $root.Values.redis.passwordSecret) }}
        - {name: HAGGLE_SECRETS, value: /etc/haggle/secrets}
        {{- end }}
        {{- range $key, $value := $values.settings }}
        - {name: {{ printf "HAGGLE_%s_%s" $.section $key | upper | replace "-" "_" }}, value: {{ include "haggle.text" $value | quote }}}
        {{- end }}
        {{- with $values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- range .ports }}
        - {{ toJson . }}
        {{- end }}
        - {name: admin, containerPort: 9600}
      # Alive from when the admin port answers; a replica that still learns is alive and not ready, however long that takes.
      startupProbe: {httpGet: {path: /healthz, port: admin}, periodSeconds: 1, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /healthz, port: admin}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
      readinessProbe: {httpGet: {path: /readyz, port: admin}, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2}
      lifecycle: {preStop: {sleep: {seconds: 5}}}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - {name: settings, mountPath: /etc/haggle/prices.json, subPath: prices.json, readOnly: true}
        {{- if or .keys (and .redis $root.Values.redis.passwordSecret) }}
        - {name: secrets, mountPath: /etc/haggle/secrets, readOnly: true}
        {{- end }}
        {{- if and (not .alone) $root.Values.nats.credentialsSecret }}
        - {name: nats, mountPath: /etc/haggle/nats, readOnly: true}
        {{- end }}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: settings, configMap: {name: {{ $fullname }}-settings}}
    {{- if or .keys (and .redis $root.Values.redis.passwordSecret) }}
    - name: secrets
      projected:
        sources:
          {{- if .keys }}
          - secret: {name: {{ include "haggle.keys" $root }}}
          {{- end }}
          {{- if and .redis $root.Values.redis.passwordSecret }}
          - secret: {name: {{ $root.Values.redis.passwordSecret }}, items: [{key: redis.password, path: redis.password}]}
          {{- end }}
    {{- end }}
    {{- if and (not .alone) $root.Values.nats.credentialsSecret }}
    - {name: nats, secret: {secretName: {{ $root.Values.nats.credentialsSecret }}}}
    {{- end }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* What every service has beside its pod, of the same dict: an account, a budget of disruptions, and a Service of the admin port. */}}
{{- define "haggle.beside" -}}
{{- $root := .root }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "haggle.metadata" (list $root .component .component) | nindent 2 }}
  {{- with .values.serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  {{- include "haggle.metadata" (list $root .component (printf "%s-admin" .component)) | nindent 2 }}
    haggle.dev/port: admin
spec:
  clusterIP: None
  selector:
    {{- include "haggle.selector" (list $root .component) | nindent 4 }}
  ports:
    - {name: admin, port: 9600, targetPort: admin}
{{- if .values.disruptionBudget }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "haggle.metadata" (list $root .component .component) | nindent 2 }}
spec:
  maxUnavailable: 1
  # A replica that is not ready may always be moved.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "haggle.selector" (list $root .component) | nindent 6 }}
{{- end }}
{{- end }}

{{/* A service that is a Deployment, of the same dict, with strategy. */}}
{{- define "haggle.deployment" -}}
{{- $root := .root }}
{{- include "haggle.beside" . }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "haggle.metadata" (list $root .component .component) | nindent 2 }}
spec:
  {{- if not (kindIs "invalid" .values.replicas) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    {{- if eq .strategy "Recreate" }}
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
    {{- end }}
  selector:
    matchLabels:
      {{- include "haggle.selector" (list $root .component) | nindent 6 }}
  template:
    {{- include "haggle.pod" . | nindent 4 }}
{{- end }}

{{/* Values of a service with the defaults below them, of [root, name]. */}}
{{- define "haggle.values" -}}
{{- $root := index . 0 -}}
{{- mergeOverwrite (deepCopy $root.Values.defaults) (deepCopy (index $root.Values (index . 1))) | toYaml }}
{{- end }}
