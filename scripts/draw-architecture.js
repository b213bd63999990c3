// Writes docs/images/architecture-light.svg and architecture-dark.svg, the picture in the README.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const THEMES = {
  light: { text: '#1f2328', quiet: '#59636e', line: '#818b98', box: '#ffffff', frame: '#f6f8fa', accent: '#0b57d0' },
  dark: { text: '#f0f6fc', quiet: '#9198a1', line: '#656c76', box: '#0d1117', frame: '#151b23', accent: '#82b1ff' },
};

const CALLERS = [
  ['Your website and apps', 'sign-up, sign-in, refresh, reset'],
  ["Customers' integrations", 'API tokens'],
  ['Your applications', 'App-Token, Token, on behalf of'],
  ['Publishers and partners', 'client credentials, whose visitor?'],
];
const INSIDE = [
  ['Accounts and sessions', 'signed JWTs, rotating refresh tokens'],
  ['One token store', 'minted, looked up, revoked, swept'],
  ['One guard for every route', 'a revocation holds at once, everywhere'],
  ['Audit log, limits, mails, pages', 'locks, idempotency, WAYF'],
];

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

function box({ x, y, width, title, note, colours, strong = false }) {
  const stroke = strong ? colours.accent : colours.line;
  return `<rect x="${x}" y="${y}" width="${width}" height="54" rx="8" fill="${colours.box}" stroke="${stroke}"/>
<text x="${x + width / 2}" y="${y + 23}" text-anchor="middle" font-weight="600" fill="${colours.text}">${escape(title)}</text>
<text x="${x + width / 2}" y="${y + 42}" text-anchor="middle" font-size="12" fill="${colours.quiet}">${escape(note)}</text>`;
}

function arrow({ x1, x2, y, colours, label }) {
  const text = label
    ? `<text x="${(x1 + x2) / 2}" y="${y - 8}" text-anchor="middle" font-size="12" fill="${colours.quiet}">${label}</text>`
    : '';
  return `<path d="M${x1} ${y}H${x2 - 7}" stroke="${colours.line}" fill="none"/>
<path d="M${x2} ${y}l-8 -4v8z" fill="${colours.line}"/>${text}`;
}

function draw(colours) {
  const rows = CALLERS.map((_, index) => 62 + index * 70);
  const callers = CALLERS.map(([title, note], index) =>
    box({ x: 10, y: rows[index], width: 232, title, note, colours }),
  );
  const arrows = rows.map((y) =>
    arrow({ x1: 242, x2: 318, y: y + 27, colours, label: y === rows[0] ? 'REST' : undefined }),
  );
  const inside = INSIDE.map(([title, note], index) =>
    box({ x: 338, y: rows[index], width: 252, title, note, colours, strong: true }),
  );
  const database = `<path d="M690 118c0 -22 140 -22 140 0v118c0 22 -140 22 -140 0z" fill="${colours.box}" stroke="${colours.line}"/>
<path d="M690 118c0 22 140 22 140 0" fill="none" stroke="${colours.line}"/>
<text x="760" y="178" text-anchor="middle" font-weight="600" fill="${colours.text}">PostgreSQL</text>
<text x="760" y="198" text-anchor="middle" font-size="12" fill="${colours.quiet}">all that is kept</text>
<text x="760" y="290" text-anchor="middle" font-size="12" fill="${colours.quiet}">comes along for a first look</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 350" width="850" height="350" role="img" font-family="system-ui, sans-serif" font-size="14">
<title>Callers of four documented APIs reach replicas of Latchkey, which share nothing but PostgreSQL</title>
<rect x="318" y="14" width="292" height="322" rx="12" fill="${colours.frame}" stroke="${colours.line}" stroke-dasharray="4 4"/>
<text x="464" y="42" text-anchor="middle" font-weight="600" fill="${colours.accent}">Latchkey, any number of replicas</text>
${[...callers, ...arrows, ...inside].join('\n')}
${arrow({ x1: 610, x2: 690, y: 165, colours, label: 'SQL' })}
${arrow({ x1: 610, x2: 690, y: 215, colours, label: 'LISTEN' })}
${database}
</svg>
`;
}

const folder = fileURLToPath(new URL('../docs/images/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, colours] of Object.entries(THEMES)) writeFileSync(`${folder}architecture-${name}.svg`, draw(colours));
