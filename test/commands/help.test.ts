import type { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { latchkey } from '../../src/commands/program.js';

interface Leaf {
  /** As it is typed, without the program. */
  name: string;
  help: string;
}

/** Every command that does something itself, with what `--help` writes. */
function leaves(command: Command, path: string[] = []): Leaf[] {
  if (command.commands.length > 0) return command.commands.flatMap((one) => leaves(one, [...path, one.name()]));
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return [{ name: path.join(' '), help }];
}

const all = leaves(latchkey());

it('There are all the commands that an operator needs', () => {
  const names = all.map(({ name }) => name);
  for (const name of ['serve', 'migrate', 'bootstrap', 'keys rotate', 'secret rotate', 'revoke-everything', 'doctor'])
    expect(names).toContain(name);
});

it.each(all)('`latchkey $name --help` says what it does, with an example that one can type', ({ name, help }) => {
  const [, examples = ''] = help.split(/^Examples?:\n/m);
  const lines = examples.split('\n').filter((line) => line.trim() !== '');
  expect(lines).not.toEqual([]);
  for (const line of lines) expect(line).toMatch(new RegExp(`^ {2}(.* )?latchkey ${name}( |$)`));
});

it.each(all.filter(({ name }) => name !== 'serve'))('`latchkey $name` has --json', ({ help }) => {
  expect(help).toMatch(/^ +--json +\S/m);
});

it('docs/command-line.md names every command', () => {
  const text = readFileSync('docs/command-line.md', 'utf8');
  expect(all.map(({ name }) => name).filter((name) => !text.includes(`latchkey ${name}`))).toEqual([]);
});

it('No message names a script of npm: an image has none', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(100);
  const named = files.filter((name) => readFileSync(join('src', name), 'utf8').includes('npm run'));
  expect(named).toEqual([]);
});
