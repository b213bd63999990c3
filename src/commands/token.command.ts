import { InspectionModule } from '../inspection/inspection.module.js';
import { TokenInspection, type Inspection } from '../inspection/token-inspection.service.js';
import { readSecret } from './asking.js';
import { withContext } from './command-context.js';
import { EXIT, json, type Ending } from './running.js';
import { card } from './table.js';

/** The command that says what a string is. */
export async function inspectToken(signal: AbortSignal, options: { file?: string; json?: boolean }): Promise<Ending> {
  const text = (await readSecret('Token', options.file)).trim();
  return withContext(signal, [InspectionModule], async (context) => {
    const found = await context.get(TokenInspection).inspect(text);
    return { text: options.json ? json(found) : textOf(found), code: codeOf(found) };
  });
}

const codeOf = ({ kind, state }: Inspection) =>
  kind === null ? EXIT.notFound : state === 'good' ? EXIT.done : EXIT.failed;

function textOf({ note, ...found }: Inspection): string {
  if (found.kind === null) return `Not a Latchkey credential. ${note ?? ''}`.trimEnd() + '\n';
  const known = Object.entries(found).filter(([, value]) => value !== null);
  return card(Object.fromEntries(known)) + (note === undefined ? '' : `\n${note}\n`);
}
