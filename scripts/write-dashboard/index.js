// Writes deploy/observability/dashboard.json from panels.js: `npm run dashboard`. It has the schema that Grafana 11 to 13 read.
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { ROWS } from './panels.js';

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const CHOSEN = 'job=~"$job",namespace=~"$namespace",instance=~"$instance"';
const WIDTH = 24;
const HEIGHT = 8;

/** @returns the text of dashboard.json */
export function dashboard() {
  return format(JSON.stringify(model()), { parser: 'json', printWidth: 120 });
}

function model() {
  return {
    uid: 'latchkey',
    title: 'Latchkey',
    description: 'What each metric says is in docs/metrics.md.',
    tags: ['latchkey'],
    schemaVersion: 42,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    links: [],
    templating: { list: [datasourceVariable(), ...['job', 'namespace', 'instance'].map(variable)] },
    panels: layOut(),
  };
}

const datasourceVariable = () => ({
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  refresh: 1,
});

/** One for the values of a label. Outside Kubernetes there is no `namespace`: all of them is the only choice. */
function variable(name, index, names) {
  const narrower = names.slice(0, index).map((other) => `${other}=~"$${other}"`);
  const query = `label_values(latchkey_build_info{${narrower.join(',')}}, ${name})`;
  return {
    name,
    label: name[0].toUpperCase() + name.slice(1),
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: 'Variable' },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

function layOut() {
  const panels = [];
  let y = 0;
  for (const { title, height = HEIGHT, panels: ofRow } of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    const perLine = Math.min(ofRow.length, ofRow[0].stat ? 6 : ofRow.length % 3 === 0 ? 3 : 2);
    const w = WIDTH / perLine;
    ofRow.forEach((panel, index) => {
      const gridPos = { x: (index % perLine) * w, y: y + Math.floor(index / perLine) * height, w, h: height };
      panels.push({ id: panels.length + 1, ...panelOf(panel), gridPos });
    });
    y += Math.ceil(ofRow.length / perLine) * height;
  }
  return panels;
}

function panelOf({ title, description, unit = 'short', stat, bad, queries }) {
  const steps = [{ color: 'green', value: null }, ...(bad === undefined ? [] : [{ color: 'red', value: bad }])];
  const defaults = { unit, min: title === 'Clock' ? undefined : 0, thresholds: { mode: 'absolute', steps } };
  return {
    type: stat ? 'stat' : 'timeseries',
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: { defaults, overrides: [] },
    options: stat
      ? { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value', graphMode: 'area' }
      : {
          legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
    targets: queries.map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr: expr.replaceAll('$of', CHOSEN),
      legendFormat,
      range: true,
    })),
  };
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('../../deploy/observability/dashboard.json', import.meta.url), await dashboard());
}
