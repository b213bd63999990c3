import type { SpanOf } from '../tracing/tracing.js';

/** Longer texts are cut: those of batches and imports say nothing more at their end. */
const LONGEST = 2_000;

/**
 * The span of a statement: its text with `$1` where its values are, and no text that is written in it. Only within what is traced, as
 * the server looks for due work every second.
 */
export function spanOfStatement(
  { text, name }: { text: string; name?: string | undefined },
  { host, port, database }: { host: string; port: number; database?: string | undefined },
): SpanOf {
  const operation = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? 'SQL';
  return {
    // The number behind the name of a prepared statement is its generation.
    name: name === undefined ? operation : name.replace(/ \d+$/, ''),
    kind: 'client',
    onlyWithin: true,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.query.text': text.replace(/'(?:[^']|'')*'/g, "'?'").slice(0, LONGEST),
      'db.namespace': database ?? '',
      'server.address': host,
      'server.port': port,
    },
  };
}
