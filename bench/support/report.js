// bench/RESULTS.md: each program replaces the sections that are its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'prettier';

/** The file, which RESULTS names where it is another one. */
export const PATH = pathToFileURL(process.env.RESULTS ?? fileURLToPath(new URL('../RESULTS.md', import.meta.url)));
const SECTIONS = ['bench', 'look-ups', 'identifications', 'soak', 'profile', 'profile before'];
const HEAD = `# What was measured

Written by \`npm run bench\`, \`npm run bench:scale\` and \`npm run bench:profile\`, each in sections of its own.
[docs/performance.md](../docs/performance.md) says how to run them and how to read this, and [NOTES.md](NOTES.md) why goals are missed.
`;

const markersOf = (name) => [`<!-- ${name} -->`, `<!-- end of ${name} -->`];

function read() {
  try {
    return readFileSync(PATH, 'utf8');
  } catch {
    return '';
  }
}

/** What stands between the markers of a section. */
export function sectionOf(text, name) {
  const [begin, end] = markersOf(name);
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  return from < 0 || to < 0 ? '' : text.slice(from + begin.length, to).trim();
}

/** Replaces one section, and leaves the others as they are. */
export async function writeSection(name, content) {
  const before = read();
  const sections = SECTIONS.map((section) => {
    const [begin, end] = markersOf(section);
    const inner = section === name ? content.trim() : sectionOf(before, section);
    return `${begin}\n\n${inner}\n\n${end}\n`;
  });
  writeFileSync(PATH, await format([HEAD, ...sections].join('\n'), { parser: 'markdown', printWidth: 120 }));
}

export const tableOf = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
