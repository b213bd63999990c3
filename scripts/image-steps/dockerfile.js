// Reads a Dockerfile, as far as ours goes: an instruction that is not known here is refused, not left out.

const KNOWN = [
  'ARG',
  'FROM',
  'WORKDIR',
  'COPY',
  'RUN',
  'ENV',
  'USER',
  'VOLUME',
  'EXPOSE',
  'HEALTHCHECK',
  'CMD',
  'LABEL',
];

/**
 * @typedef {{ instruction: string, text: string }} Step
 * @typedef {{ name: string, steps: Step[] }} Stage
 */

/**
 * @param {string} text of a Dockerfile
 * @returns {{ args: Record<string, string>, stages: Stage[] }} the defaults of all build arguments, and the stages
 */
export function readDockerfile(text) {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const args = {};
  const stages = [];
  for (const line of lines.map((one) => one.trim()).filter(Boolean)) {
    const [, instruction, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (!KNOWN.includes(instruction)) throw new Error(`The Dockerfile has a line that is not known here: ${line}`);
    if (instruction === 'ARG') args[rest.split('=', 1)[0]] = rest.slice(rest.indexOf('=') + 1);
    else if (instruction === 'FROM') stages.push({ name: / AS (\S+)$/.exec(rest)?.[1] ?? 'final', steps: [] });
    else stages.at(-1).steps.push({ instruction, text: rest });
  }
  return { args, stages };
}

/** @returns {Record<string, string>} what `ENV` sets */
export function environmentOf(steps) {
  const pairs = steps.filter(({ instruction }) => instruction === 'ENV').flatMap(({ text }) => text.split(' '));
  return Object.fromEntries(pairs.map((pair) => pair.split('=')));
}

/** @returns {string[]} the last `CMD`, which has to be an array */
export function commandOf(steps) {
  return JSON.parse(steps.findLast(({ instruction }) => instruction === 'CMD').text);
}

/** @returns {string[]} what `HEALTHCHECK` runs, which has to be an array */
export function healthCheckOf(steps) {
  const { text } = steps.findLast(({ instruction }) => instruction === 'HEALTHCHECK');
  return JSON.parse(text.slice(text.indexOf('CMD ') + 'CMD '.length));
}
