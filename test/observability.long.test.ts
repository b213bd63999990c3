import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { dashboard } from '../scripts/write-dashboard/index.js';
import { childrenOf, cleanUp, eventually, newFolder, postmasterOf, ServerProcess } from './support/process.js';
import { hasPrometheus, Prometheus } from './support/prometheus.js';
import { partsOf } from './support/promql.js';
import { describeWhere, itWhere } from './support/where.js';

interface Alert {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook_url: string };
}

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

const folder = resolve('deploy/observability');
const text = (path: string) => readFileSync(resolve(path), 'utf8');
const { groups } = parse(text('deploy/observability/alerts.yaml')) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const model = JSON.parse(text('deploy/observability/dashboard.json')) as { schemaVersion: number; panels: Panel[] };
const queries = model.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr: expr.replace(/"\$\w+"/g, '".*"').replaceAll('$__rate_interval', '10m') })),
);

afterAll(cleanUp);

/** What `describeWhere` and `itWhere` say where there is none. */
const withPrometheus = {
  has: hasPrometheus,
  otherwise: 'Prometheus is not installed (on Debian: apt-get install prometheus)',
};

describeWhere(withPrometheus)(
  'With a Prometheus, and a server that was driven through the walk-through and an outage,',
  () => {
    let server: ServerProcess;
    let prometheus: Prometheus;

    beforeAll(async () => {
      const cwd = newFolder();
      server = await (await ServerProcess.start({}, { cwd })).ready();
      prometheus = await Prometheus.start(new URL(server.url).host, join(folder, 'alerts.yaml'));
      for (const page of ['docs/walkthrough.md', 'docs/operations.md']) await walkThrough(page, server.url, cwd);
      await whileDatabaseHangs(join(cwd, '.latchkey'), async () => {
        await eventually(async () => {
          expect((await server.call('POST', '/account/session', { account: NOBODY })).status).toBe(503);
        });
        await eventually(async () => {
          expect(await prometheus.alerts()).toEqual(
            expect.arrayContaining(['LatchkeyNotReady', 'LatchkeyDatabaseAway']),
          );
        }, 180_000);
      });
      // The runbook has asked once, before its series were there: a second time, or they have no rate.
      await server.call('GET', '/v1/api/auth');
      await eventually(async () => {
        expect((await server.call('GET', '/readyz')).status).toBe(200);
        expect(await prometheus.alerts()).not.toContain('LatchkeyNotReady');
      }, 180_000);
      // A sweep each minute; none may have been finished yet.
      await eventually(async () => {
        expect(await prometheus.query('rate(latchkey_sweeper_seconds_count[10m]) > 0')).toHaveLength(1);
      }, 180_000);
    });

    afterAll(() => prometheus.stop());

    /** @returns whether an expression has a number */
    const hasNumber = async (expression: string) =>
      (await prometheus.query(expression)).some(({ value: [, value] }) => !['NaN', '+Inf', '-Inf'].includes(value));

    it.each(queries)('the dashboard shows something: $title, $expr', async ({ expr }) => {
      await eventually(async () => {
        expect(await hasNumber(expr)).toBe(true);
      });
    });

    it.each(alerts)('$alert looks at series that there are', async ({ expr }) => {
      const { selectors, comparisons } = partsOf(expr);
      expect(selectors.length).toBeGreaterThan(0);
      for (const selector of selectors) {
        expect([selector, (await prometheus.query(`last_over_time(${selector}[10m])`)).length > 0]).toEqual([
          selector,
          true,
        ]);
      }
      for (const [left, right] of comparisons) {
        const difference = `(${left}) - (${right})`;
        await eventually(async () => {
          expect([difference, await hasNumber(difference)]).toEqual([difference, true]);
        });
      }
    });

    it('an alert about something that there is not would be noticed', async () => {
      expect(partsOf('sum(rate(nothing{a="b"}[5m])) / x > 1 and y')).toEqual({
        selectors: ['nothing{a="b"}', 'x', 'y'],
        comparisons: [['sum(rate(nothing{a="b"}[5m])) / x', '1']],
      });
      expect(await prometheus.query('last_over_time(nothing{a="b"}[10m])')).toEqual([]);
    });

    it('promtool finds nothing wrong with the alerts, and they fire when they should and not before', () => {
      for (const args of [
        ['check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yaml'],
        ['test', 'rules', 'alerts.test.yaml'],
      ]) {
        const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
        expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('SUCCESS')]);
      }
    });
  },
);

itWhere(withPrometheus)('promtool finds nothing wrong with the Prometheus of compose.yaml', () => {
  const cwd = newFolder();
  const { services } = parse(text('compose.yaml')) as { services: { prometheus: { volumes: string[] } } };
  for (const volume of services.prometheus.volumes.filter((one) => one.startsWith('./'))) {
    const [source = '', target = ''] = volume.split(':');
    copyFileSync(resolve(source), join(cwd, basename(target)));
  }
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'config', 'prometheus.yml'], {
    cwd,
    encoding: 'utf8',
  });
  expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('1 rule files found')]);
});

describe('Alerts', () => {
  it('are about 30, each with a name of its own', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    expect(alerts.length).toBeGreaterThan(20);
  });

  it('are all in alerts.test.yaml', () => {
    const tested = text('deploy/observability/alerts.test.yaml');
    expect(alerts.filter(({ alert }) => !tested.includes(`alertname="${alert}"`)).map(({ alert }) => alert)).toEqual(
      [],
    );
  });

  it('have a page in docs/runbooks each, and there are no others', () => {
    const pages = readdirSync(resolve('docs/runbooks')).filter((name) => name !== 'README.md');
    expect(pages.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
    const index = text('docs/runbooks/README.md');
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook_url).toMatch(new RegExp(`/docs/runbooks/${alert}\\.md$`));
      expect(index).toContain(`[${alert}](${alert}.md)`);
    }
  });

  it.each(alerts)(
    '$alert: its page says what it means, what to look at and what to do',
    ({ alert, annotations, labels }) => {
      const page = text(`docs/runbooks/${alert}.md`);
      expect(page.match(/^#+ .*$/gm)).toEqual([
        `# ${alert}`,
        '## What it means',
        '## What to look at',
        '## What to do',
      ]);
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary.length).toBeLessThan(100);
      expect(annotations.description).toMatch(/\.$/);
    },
  );
});

describe('The dashboard', () => {
  it('is what npm run dashboard writes', async () => {
    expect(text('deploy/observability/dashboard.json')).toBe(await dashboard());
  });

  it('has panels that say what they show, and that do not overlap', () => {
    const cells = model.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(model.panels.map(({ id }) => id)).size).toBe(model.panels.length);
    const mute = model.panels.filter(({ type, description }) => type !== 'row' && !description?.endsWith('.'));
    expect(mute.map(({ title }) => title)).toEqual([]);
  });

  it('shows every metric that docs/metrics.md has', () => {
    const described = [...text('docs/metrics.md').matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name ?? '');
    const shown = queries.map(({ expr }) => expr).join('\n');
    expect(described.filter((name) => !shown.includes(name))).toEqual([]);
  });
});

const NOBODY = { email: 'nobody@example.org', password: 'not the password' };

/** Runs the commands of a document. */
async function walkThrough(page: string, url: string, cwd: string): Promise<void> {
  const { PATH, HOME } = process.env;
  const args = [resolve('scripts/run-walkthrough.js'), resolve(page)];
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH, HOME, LATCHKEY: url },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => (said += more));
  const [code] = (await once(child, 'close')) as [number];
  expect([page, code, said]).toEqual([page, 0, '']);
}

/** Its processes are there, and answer nobody. */
async function whileDatabaseHangs(dataDir: string, work: () => Promise<void>): Promise<void> {
  const postmaster = postmasterOf(dataDir);
  const stopped = [postmaster, ...childrenOf(postmaster)];
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
  }
}
