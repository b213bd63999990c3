// References between the objects of one rendering.
import { LINKS } from './cloudnative-pg.js';
import { containerProblems, hasPort, unknownVariables } from './environment.js';
import { dashboardProblems, isDashboard, ruleProblems } from './observability.js';
import { publicPathProblems } from './public-paths.js';

/** @param all the objects of the rendering, and the Secret's template */
export function linkProblems(object, all) {
  const check = CHECKS[object.kind];
  return check ? check(object, all) : ['there is no check for this kind yet'];
}

const CHECKS = {
  ...LINKS,
  ConfigMap: (object) =>
    isDashboard(object) ? dashboardProblems(object) : unknownVariables(Object.keys(object.data ?? {})),
  PrometheusRule: ruleProblems,
  Deployment: workloadProblems,
  Job: workloadProblems,
  Service: serviceProblems,
  Ingress: ingressProblems,
  NetworkPolicy: networkPolicyProblems,
  HorizontalPodAutoscaler: scalerProblems,
  HTTPRoute: httpRouteProblems,
  // The Secret that it makes is the template's, which is checked where it is used.
  ExternalSecret: ({ metadata, spec }) =>
    spec.target.name === metadata.name ? [] : ['its Secret is called otherwise'],
  ServiceMonitor: serviceMonitorProblems,
  // `helm test`.
  Pod: testProblems,
  PodDisruptionBudget: ({ spec }, all) => selectionProblems(spec.selector, all, ['Deployment']),
};

function workloadProblems(workload, all) {
  const { spec } = workload.spec.template;
  const own = (selector) => selectionProblems(selector, all, [workload.kind], workload);
  const policies = all.filter(({ kind }) => kind === 'NetworkPolicy');
  const isCovered = policies.some((policy) => selectedBy(policy.spec.podSelector, all).includes(workload));
  return [
    ...(workload.kind === 'Deployment' ? own(workload.spec.selector) : []),
    ...(spec.topologySpreadConstraints ?? []).flatMap(({ labelSelector }) => own(labelSelector)),
    ...(isCovered ? [] : ['no NetworkPolicy selects its pods']),
    ...spec.containers.flatMap((container) => containerProblems(container, spec.volumes ?? [], all)),
  ];
}

/** A pod of `helm test` needs its way to the server, whoever else may come in. */
function testProblems(pod, all) {
  const { spec } = pod;
  const policies = all.filter(({ kind }) => kind === 'NetworkPolicy');
  const own = policies.filter((policy) => selectedBy(policy.spec.podSelector, all).includes(pod));
  const lets = ({ from, ports }) =>
    ports.some(({ port }) => port === 3000) &&
    (!from || from.some(({ podSelector }) => podSelector && selectedBy(podSelector, all).includes(pod)));
  const ways = policies.filter((policy) => policy.spec.ingress?.some(lets));
  return [
    ...(spec.containers.length === 1 ? [] : ['it has not one container']),
    ...(own.length === 1 ? [] : [`${own.length} NetworkPolicies select it`]),
    ...(ways.length === 1 ? [] : ['no NetworkPolicy lets it reach the server']),
  ];
}

function serviceProblems({ spec }, all) {
  const selector = { matchLabels: spec.selector };
  const ports = portsOf(selectedBy(selector, all));
  return [
    ...selectionProblems(selector, all, ['Deployment']),
    ...spec.ports
      .map(({ port, targetPort = port }) => targetPort)
      .filter((port) => !hasPort(ports, port))
      .map((port) => `the targetPort ${port} is not a port of its pods`),
  ];
}

function ingressProblems({ spec }, all) {
  const paths = spec.rules.flatMap((rule) => rule.http.paths);
  return [
    ...paths.flatMap(({ backend }) => backendProblems(backend.service, all)),
    ...publicPathProblems(paths.map(({ path, pathType }) => ({ path, exact: pathType === 'Exact' }))),
  ];
}

function httpRouteProblems({ spec }, all) {
  const backends = spec.rules.flatMap(({ backendRefs }) => backendRefs);
  const matches = spec.rules.flatMap((rule) => rule.matches).map(({ path }) => path);
  return [
    ...backends.flatMap(({ name, port }) => backendProblems({ name, port: { number: port } }, all)),
    ...publicPathProblems(matches.map(({ type, value }) => ({ path: value, exact: type === 'Exact' }))),
  ];
}

function backendProblems({ name, port }, all) {
  const service = all.find((object) => object.kind === 'Service' && object.metadata.name === name);
  if (!service) return [`there is no Service ${name}`];
  const isThere = service.spec.ports.some((one) => one.name === port.name || one.port === port.number);
  return isThere ? [] : [`the Service ${name} has no port ${port.name ?? port.number}`];
}

function serviceMonitorProblems({ spec }, all) {
  const wanted = Object.entries(spec.selector.matchLabels);
  const services = all.filter(
    ({ kind, metadata }) => kind === 'Service' && wanted.every(([key, value]) => metadata.labels?.[key] === value),
  );
  if (services.length !== 1) return [`it selects ${services.length} Services`];
  return spec.endpoints
    .filter(({ port }) => !services[0].spec.ports.some(({ name }) => name === port))
    .map(({ port }) => `its Service has no port ${port}`);
}

function networkPolicyProblems({ spec }, all) {
  const ports = portsOf(selectedBy(spec.podSelector, all));
  // A rule without ports opens all of them.
  const open = (spec.ingress ?? []).flatMap((rule) => rule.ports ?? [{ port: 'all' }]);
  return [
    ...selectionProblems(spec.podSelector, all, ['Deployment', 'Job', 'Pod']),
    ...open.filter(({ port }) => !hasPort(ports, port)).map(({ port }) => `ingress: ${port} is not a port of its pods`),
  ];
}

function scalerProblems({ spec }, all) {
  const { apiVersion, kind, name } = spec.scaleTargetRef;
  const target = all.find(
    (object) => object.apiVersion === apiVersion && object.kind === kind && object.metadata.name === name,
  );
  if (!target) return [`its target ${kind} ${name} does not exist`];
  return [
    ...(target.spec.replicas === undefined ? [] : ['its target sets replicas, which each apply would reset']),
    ...(spec.minReplicas > spec.maxReplicas ? ['minReplicas is more than maxReplicas'] : []),
  ];
}

/** A selector must select the pods of exactly one workload: of one of these kinds, and of `own` if it is given. */
function selectionProblems(selector, all, kinds, own) {
  if (!selector?.matchLabels || Object.keys(selector).length > 1)
    return ['a selector does not consist of matchLabels alone'];
  const selected = selectedBy(selector, all);
  const [only] = selected;
  if (selected.length === 1 && kinds.includes(only.kind) && (!own || only === own)) return [];
  const names = selected.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ') || 'nothing';
  return [`the selector ${JSON.stringify(selector.matchLabels)} selects ${names}`];
}

function selectedBy(selector, all) {
  const wanted = Object.entries(selector?.matchLabels ?? {});
  return all.filter((object) => {
    const labels = podOf(object)?.metadata?.labels;
    return labels && wanted.every(([key, value]) => labels[key] === value);
  });
}

/** @returns the pod that it is, or makes */
const podOf = (object) => (object.kind === 'Pod' ? object : object.spec?.template);

const portsOf = (workloads) =>
  workloads.flatMap((object) => podOf(object).spec.containers).flatMap((container) => container.ports ?? []);
