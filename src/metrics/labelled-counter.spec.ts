import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { LabelledCounter } from './labelled-counter.js';

const counterOf = (registry: Registry) => new LabelledCounter(registry, 'eggs_total', 'Eggs.', ['colour', 'size']);
const shownBy = async (registry: Registry) => (await registry.metrics()).split('\n').filter((line) => line !== '');

describe('A counter with labels', () => {
  it('is shown as prom-client shows its own, in the order in which labels were first counted', async () => {
    const registry = new Registry();
    const counter = counterOf(registry);
    counter.inc({ colour: 'white', size: 'L' });
    counter.inc({ size: 'S', colour: 'brown "dark"' }, 0);
    counter.inc({ size: 'L', colour: 'white' }, 2);
    expect(await shownBy(registry)).toEqual([
      '# HELP eggs_total Eggs.',
      '# TYPE eggs_total counter',
      'eggs_total{colour="white",size="L"} 3',
      'eggs_total{size="S",colour="brown \\"dark\\""} 0',
    ]);
  });

  it('counts what is added to a count of its own with the rest', async () => {
    const registry = new Registry();
    const counter = counterOf(registry);
    const white = counter.of({ colour: 'white', size: 'L' });
    white.value += 1;
    counter.inc({ colour: 'white', size: 'L' });
    expect(counter.of({ size: 'L', colour: 'white' })).toBe(white);
    expect(await shownBy(registry)).toContain('eggs_total{colour="white",size="L"} 2');
  });

  it('takes no label for another whose values look the same when they are joined', async () => {
    const registry = new Registry();
    const counter = counterOf(registry);
    counter.inc({ colour: 'a b', size: 'c' });
    counter.inc({ colour: 'a', size: 'b c' });
    expect((await shownBy(registry)).filter((line) => line.endsWith(' 1'))).toHaveLength(2);
  });
});
