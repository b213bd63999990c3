import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eventually, freePort, newFolder } from './process.js';

/** Whether there is a Prometheus to test with; CI has one. */
export const hasPrometheus = ['prometheus', 'promtool'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);

interface Series {
  metric: Record<string, string>;
  value: [time: number, value: string];
}

/** A real Prometheus that scrapes a server each second. */
export class Prometheus {
  private constructor(
    private readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /**
   * @param target host and port of the server
   * @param rules path of a file of alerts
   */
  static async start(target: string, rules: string): Promise<Prometheus> {
    const folder = newFolder();
    const config = join(folder, 'prometheus.yaml');
    const port = await freePort();
    const global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
    const scrape_configs = [{ job_name: 'latchkey', static_configs: [{ targets: [target] }] }];
    writeFileSync(config, stringify({ global, rule_files: [rules], scrape_configs }));
    const flags = [`--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'];
    const child = spawn('prometheus', [`--config.file=${config}`, ...flags], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const started = new Prometheus(`http://127.0.0.1:${port}`, child);
    // What happens before the first scrape has no rate.
    await eventually(async () => {
      if ((await started.query('up == 1')).length === 0) throw new Error('Prometheus has not scraped the server yet.');
    });
    return started;
  }

  /** @returns the series that an expression has at this moment */
  async query(expression: string): Promise<Series[]> {
    const { result } = (await this.get(`/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`)) as {
      result: Series[];
    };
    return result;
  }

  /** @returns the names of the alerts whose condition holds, whether for long enough or not */
  async alerts(): Promise<string[]> {
    const { alerts } = (await this.get('/api/v1/alerts')) as { alerts: { labels: { alertname: string } }[] };
    return alerts.map(({ labels }) => labels.alertname);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }

  private async get(path: string): Promise<unknown> {
    const answer = (await (await fetch(this.url + path)).json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error ?? answer.status}`);
    return answer.data;
  }
}
