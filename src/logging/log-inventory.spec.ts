import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

/** A place in the sources that writes to the log. `…` stands for what is not literal. */
interface LogCall {
  /** undefined: computed */
  level: string | undefined;
  message: string;
  from: string;
}

const FOLDERS = ['src', 'packages/supervised-postgres/src'];
/** They pass on what others write. */
const FORWARDS = ['src/logging/logger.ts', 'src/database/repeated-work.ts'];
const LEVELS: Record<string, string> = { log: 'info', verbose: 'trace' };

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => join(folder, name)),
).filter((path) => !FORWARDS.includes(path));

function literal(node: ts.Expression | undefined): string {
  if (!node) return '…';
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return (node.head.text + node.templateSpans.map((span) => `…${span.literal.text}`).join('')).replace('……', '…');
  if (ts.isBinaryExpression(node)) return literal(node.left) + literal(node.right);
  return '…';
}

/** The embedded database's `info` is our `debug`, see `start.ts`. */
function levelOf(name: string, path: string): string {
  const level = LEVELS[name] ?? name;
  return level === 'info' && path.startsWith('packages/') ? 'debug' : level;
}

function callOf(node: ts.Node, path: string): LogCall | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  const { expression } = node;
  const isNamed = ts.isPropertyAccessExpression(expression);
  if (!isNamed && !ts.isElementAccessExpression(expression)) return undefined;
  if (!/(^|\.|#)log(ger)?$|new Logger\(.*\)$/.test(expression.expression.getText())) return undefined;
  const [first, second] = node.arguments;
  const message = literal(first && ts.isObjectLiteralExpression(first) ? second : first);
  const level = isNamed ? levelOf(expression.name.text, path) : undefined;
  return { level, message, from: basename(path, '.ts') };
}

/** What `RepeatedWork` logs for whoever has it done. */
function failedCallOf(node: ts.Node, path: string): LogCall | undefined {
  const isIt =
    ts.isPropertyAssignment(node) && node.name.getText() === 'failed' && isOfRepeatedWork(node.parent.parent);
  return isIt ? { level: 'warn', message: literal(node.initializer), from: basename(path, '.ts') } : undefined;
}

const isOfRepeatedWork = (node: ts.Node) => ts.isNewExpression(node) && node.expression.getText() === 'RepeatedWork';

function callsIn(path: string): LogCall[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: LogCall[] = [];
  const visit = (node: ts.Node) => {
    const call = callOf(node, path) ?? failedCallOf(node, path);
    if (call) found.push(call);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

describe('docs/logs.md', () => {
  const page = readFileSync('docs/logs.md', 'utf8');
  const cells = [...page.matchAll(/^\| (\w[\w ,]*?) +\| `([^`]+)` +\| ([^|]+) \| `([\w.-]+)` +\|$/gm)];
  const rows = cells.map(([, level = '', message = '', when = '', from = '']) => ({ level, message, when, from }));
  const calls = sources.flatMap(callsIn);

  it('has every line that the sources write to the log, at its level', () => {
    expect(calls.length).toBeGreaterThan(50);
    const isListed = ({ level, message, from }: LogCall) =>
      rows.some((row) => row.message === message && row.from === from && row.level === (level ?? row.level));
    expect(calls.filter((call) => !isListed(call))).toEqual([]);
  });

  it('has no line that nothing writes, and says of each when it is written', () => {
    const [, lines = ''] = page.split('## Every line');
    expect(rows).toHaveLength(lines.split('\n').filter((line) => /^\| (?!-|level)/.test(line)).length);
    const isWritten = (row: (typeof rows)[number]) =>
      calls.some(
        ({ level, message, from }) =>
          message === row.message && from === row.from && (level === undefined || level === row.level),
      );
    expect(rows.filter((row) => !isWritten(row) || row.when.trim() === '')).toEqual([]);
  });

  it('names every file that writes past the log', () => {
    const writing = sources.filter((path) =>
      /process\.(stdout|stderr)\.write|console\./.test(readFileSync(path, 'utf8')),
    );
    expect(writing.length).toBeGreaterThan(2);
    expect(writing.filter((path) => !page.includes(`\`${path}\``))).toEqual([]);
  });
});
