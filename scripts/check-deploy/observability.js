// The alerts and the dashboard, as the chart renders them: those of deploy/observability.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';

const folder = new URL('../../deploy/observability/', import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), 'utf8');

export const isDashboard = ({ data = {} }) => 'latchkey.json' in data;

export function dashboardProblems({ data }) {
  const isOurs = isDeepStrictEqual(JSON.parse(data['latchkey.json']), JSON.parse(read('dashboard.json')));
  return isOurs ? [] : ['it is not deploy/observability/dashboard.json'];
}

/** Some may be left out, and runbooks be elsewhere. */
export function ruleProblems({ spec }) {
  const ours = new Map(rulesOf(parse(read('alerts.yaml'))).map((rule) => [rule.alert, rule]));
  const rules = rulesOf(spec);
  return [
    ...(rules.length > ours.size / 2 ? [] : [`it has ${rules.length} alerts`]),
    ...rules
      .filter((rule) => !isDeepStrictEqual(withoutHost(rule), withoutHost(ours.get(rule.alert))))
      .map(({ alert }) => `${alert} is not that of deploy/observability/alerts.yaml`),
    ...rules
      .filter(({ annotations }) => /OWNER/.test(annotations.runbook_url))
      .map(({ alert }) => `the runbook of ${alert} is nowhere: set prometheusRule.runbookUrl`),
  ];
}

const rulesOf = ({ groups }) => groups.flatMap(({ rules }) => rules);

function withoutHost(rule) {
  const copy = structuredClone(rule ?? {});
  if (copy.annotations) copy.annotations.runbook_url = copy.annotations.runbook_url.replace(/^.*\/docs\//, '');
  return copy;
}
