/** What people have in the place of nothing. */
const NOTHING = '-';

type Cell = string | number | boolean | Date | null | undefined | readonly string[];

/** A table for people. @param heads one for each column */
export function table(heads: string[], rows: Cell[][]): string {
  const all = [heads, ...rows.map((row) => row.map(textOf))];
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => lineOf(row, widths)).join('');
}

/** One thing for people: a line for each of what it has. */
export function card(fields: Record<string, Cell>): string {
  const lines = Object.entries(fields).map(([name, value]) => [name, textOf(value)]);
  const width = Math.max(...lines.map(([name = '']) => name.length));
  return lines.map((line) => lineOf(line, [width])).join('');
}

function lineOf(cells: string[], widths: number[]): string {
  return `${cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd()}\n`;
}

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return NOTHING;
  if (cell instanceof Date) return timeOf(cell);
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'object') return cell.length === 0 ? NOTHING : printable(cell.join(', '));
  return printable(String(cell));
}

/** A time for people: to the second, in UTC. */
export const timeOf = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');

/** Names may be anybody's choice, and a terminal does what some characters say. */
const printable = (text: string) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
