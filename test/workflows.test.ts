import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

interface Step {
  uses?: string;
  run?: string;
}

interface Job {
  uses?: string;
  needs?: string;
  'timeout-minutes'?: number;
  /** A job that is another workflow has none. */
  steps?: Step[];
}

interface Workflow {
  on: Record<string, unknown>;
  defaults?: { run: { shell: string } };
  permissions: unknown;
  jobs: Record<string, Job>;
}

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER);
const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const problemsOf = (content: string) =>
  parseWorkflow({ name: 'test.yaml', content }, new NoOperationTraceWriter())
    .context.errors.getErrors()
    .map(({ message }) => message);

describe.each(files)('.github/workflows/%s', (file) => {
  const text = read(file);
  const { permissions, jobs } = parse(text) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);

  it('is a workflow, by the parser of GitHub itself', () => {
    expect(problemsOf(text)).toEqual([]);
  });

  it('uses actions by their commit, with the version beside it', () => {
    const used = steps.flatMap(({ uses }) => uses ?? []);
    expect(used.length).toBeGreaterThan(0);
    for (const name of used) expect(text).toMatch(new RegExp(`uses: ${name} # v\\d+\\.\\d+\\.\\d+$`, 'm'));
    expect(used.filter((name) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(name))).toEqual([]);
  });

  it('may read the repository, and no more unless a job says so; and does not run for ever', () => {
    expect(permissions).toEqual({ contents: 'read' });
    expect(Object.values(jobs).filter((job) => job.steps && job['timeout-minutes'] === undefined)).toEqual([]);
  });

  it('puts nothing into a script that somebody else may have written', () => {
    expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([]);
    expect([...text.matchAll(/secrets\.(\w+)/g)].filter(([, name]) => name !== 'GITHUB_TOKEN')).toEqual([]);
  });

  it('names files that there are', () => {
    const named = steps.flatMap(
      ({ run }) => run?.match(/(?<![\w/.-])(\.ci|deploy|scripts)\/[\w/.-]+|Dockerfile|package\.json/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('The check of workflows', () => {
  it('finds what GitHub would refuse', () => {
    const text = read('ci.yaml');
    expect(problemsOf(text.replace('runs-on:', 'run-on:'))).not.toEqual([]);
    expect(problemsOf(text.replace('runner.temp', 'runner temp'))).not.toEqual([]);
    expect(problemsOf(text.replace('contents: read', 'contents: all'))).not.toEqual([]);
  });
});

describe('The release', () => {
  const text = read('release.yaml');
  const { jobs, defaults } = parse(text) as Workflow;
  const steps = jobs.publish?.steps ?? [];
  const placeOf = (what: string) => steps.findIndex((step) => JSON.stringify(step).includes(what));

  it('publishes nothing before CI has passed for the very commit', () => {
    expect(Object.keys(jobs)).toEqual(['ci', 'publish']);
    expect(jobs.ci).toEqual({ uses: './.github/workflows/ci.yaml' });
    expect(jobs.publish?.needs).toBe('ci');
    expect((parse(read('ci.yaml')) as Workflow).on).toHaveProperty('workflow_call');
    // Another ref could be another commit.
    expect(read('ci.yaml')).not.toMatch(/^ +ref:/m);
    expect(text).not.toMatch(/^ +ref:|always\(\)|continue-on-error/m);
  });

  it('moves `latest` last, by what scripts/release/is-latest.js says', () => {
    expect(text.match(/:latest\b/g)).toHaveLength(1);
    const move = placeOf(':latest');
    expect(steps[move]?.run).toMatch(
      /is-latest\.js "\$GITHUB_REF_NAME"[^]*if \[ "\$latest" = true \]; then [^;\n]*:latest/,
    );
    expect(move).toBeGreaterThan(placeOf('cosign sign --yes \\"$CHARTS'));
    expect(placeOf('set-chart-defaults.js')).toBeLessThan(move);
  });

  it('fails where a part of a pipe does', () => {
    expect(defaults).toEqual({ run: { shell: 'bash' } });
  });

  it('gives the Dockerfile arguments that it has, and the base by its digest', () => {
    const args = [...(/build-args: \|\n((?: {12}.*\n)+)/.exec(text)?.[1] ?? '').matchAll(/^ +(\w+)=/gm)].map(
      ([, name]) => name,
    );
    const dockerfile = readFileSync('Dockerfile', 'utf8');
    expect(args).toEqual([...dockerfile.matchAll(/^ARG (\w+)=/gm)].map(([, name]) => name));
    expect(text).toContain('echo "base=$base@$digest"');
    const bases = [...dockerfile.matchAll(/^FROM (?:--platform=\$BUILDPLATFORM )?(\S+)/gm)].map(([, base]) => base);
    expect(new Set(bases)).toEqual(new Set(['${BASE}']));
  });
});
