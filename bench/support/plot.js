// A plain plot of lines over time, as SVG that is readable on a light and on a dark page.
const [WIDTH, HEIGHT] = [760, 320];
const MARGIN = { left: 60, right: 20, top: 40, bottom: 64 };
const COLOURS = [
  ['#0b62c4', '#6cb0ff'],
  ['#b34700', '#ffa657'],
  ['#1a7f37', '#56d364'],
  ['#8250df', '#d2a8ff'],
];

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .grid { stroke: #d0d7de; } .axis { stroke: #57606a; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  ${COLOURS.map(([light], index) => `.c${index} { stroke: ${light}; }`).join(' ')}
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .grid { stroke: #30363d; } .axis { stroke: #8b949e; }
    ${COLOURS.map(([, dark], index) => `.c${index} { stroke: ${dark}; }`).join(' ')}
  }`;

/** A round step for about five lines of a grid. */
function stepFor(most) {
  const rough = Math.max(most, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}

const ticksTo = (most, step) => Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
const label = (value) => Number(value.toPrecision(6)).toLocaleString('en');

/** @param lines each with a label and points [x, y]; the axes begin at 0 */
export function plot(title, unit, lines) {
  const all = lines.flatMap(({ points }) => points);
  const step = { x: stepFor(Math.max(...all.map(([x]) => x))), y: stepFor(Math.max(...all.map(([, y]) => y))) };
  const most = {
    x: Math.max(...all.map(([x]) => x)),
    y: step.y * Math.ceil(Math.max(...all.map(([, y]) => y)) / step.y || 1),
  };
  const inner = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const atX = (x) => (MARGIN.left + (x / most.x) * inner.width).toFixed(1);
  const atY = (y) => (MARGIN.top + inner.height - (y / most.y) * inner.height).toFixed(1);
  const bottom = HEIGHT - MARGIN.bottom;
  const grid = ticksTo(most.y, step.y).map(
    (
      y,
    ) => `<line class="${y === 0 ? 'axis' : 'grid'}" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${atY(y)}" y2="${atY(y)}"/>
  <text x="${MARGIN.left - 8}" y="${Number(atY(y)) + 4}" text-anchor="end">${label(y)}</text>`,
  );
  const times = ticksTo(most.x, step.x).map(
    (x) => `<text x="${atX(x)}" y="${bottom + 20}" text-anchor="middle">${label(x)}</text>`,
  );
  const drawn = lines.map(
    ({ points }, index) =>
      `<polyline class="line c${index}" points="${points.map(([x, y]) => `${atX(x)},${atY(y)}`).join(' ')}"/>`,
  );
  const legend = lines.map(({ label: name }, index) => {
    const x = MARGIN.left + (index * inner.width) / lines.length;
    return `<line class="line c${index}" x1="${x}" x2="${x + 20}" y1="${HEIGHT - 14}" y2="${HEIGHT - 14}"/>
  <text x="${x + 26}" y="${HEIGHT - 10}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
  <style>${STYLE}
  </style>
  <text class="title" x="${MARGIN.left}" y="22">${title}</text>
  <text x="${WIDTH - MARGIN.right}" y="${bottom + 38}" text-anchor="end">${unit}</text>
  ${[...grid, ...times, ...drawn, ...legend].join('\n  ')}
</svg>
`;
}
