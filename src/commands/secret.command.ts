import { SecretKeyUses, type SecretKeyReport } from '../keys/secret-key-uses.service.js';
import { withContext } from './command-context.js';
import { json as jsonText } from './running.js';

const STEPS = [
  'restart every replica with SECRET_KEY=old,new',
  'restart every replica with SECRET_KEY=new,old',
  'when "latchkey secret rotate --check" says so, restart them with SECRET_KEY=new',
];
const HOW = `To replace SECRET_KEY:
${STEPS.map((step, index) => `  ${index + 1}. ${step}\n`).join('')}Run with --check to see what still needs an old one.
`;

/**
 * The command that says what the keys of SECRET_KEY are used for.
 *
 * @returns whether every key but the current one can be dropped
 */
export async function checkSecret(
  signal: AbortSignal,
  { check, json }: { check?: boolean; json?: boolean },
): Promise<{ text: string; isDone: boolean }> {
  if (!check) return { text: json ? jsonText({ steps: STEPS }) : HOW, isDone: true };
  return withContext(signal, [], async (context) => {
    const reports = await context.get(SecretKeyUses).check();
    const isDone = reports.every(({ canBeDropped }) => canBeDropped);
    const text = json ? jsonText(reports) : textOf(reports);
    return { text, isDone };
  });
}

function textOf(reports: SecretKeyReport[]): string {
  if (reports.length === 0) return 'SECRET_KEY is one key. There is no old one.\n';
  return reports.map(textOfOne).join('');
}

function textOfOne({ id, lastCurrent, uses, canBeDropped, isInUse }: SecretKeyReport): string {
  const since =
    lastCurrent === null ? 'No known server has signed with it' : `Servers signed with it until ${iso(lastCurrent)}`;
  const head = `The old SECRET_KEY ${id}: ${isInUse ? 'a server signs with it. Restart every replica with `new,old`' : since}.\n`;
  const line = ({ what, count, until }: SecretKeyReport['uses'][number]) =>
    `  ${count} ${what}${until === null ? '' : `, the last until ${iso(until)}`}\n`;
  const [needed, lost] = [uses.filter(({ isNeeded }) => isNeeded), uses.filter(({ isNeeded }) => !isNeeded)];
  const end = canBeDropped
    ? 'Nothing needs it any more: take it out of SECRET_KEY.\n'
    : `${needed.length === 0 ? '' : 'Still needed for:\n'}${needed.map(line).join('')}`;
  return head + end + (lost.length === 0 ? '' : `Without it these are forgotten:\n${lost.map(line).join('')}`);
}

const iso = (date: Date) => date.toISOString();
