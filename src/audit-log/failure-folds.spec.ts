import { describe, expect, it } from '@jest/globals';
import { FailureFolds } from './failure-folds.js';

const failure = (subject: string) => ({ kind: 'sign_in', outcome: 'failure', subject }) as const;

/** How many networks have a fold of their own. */
const NETWORKS = 1_000;

describe('Folded failures', () => {
  it('of more networks than there is room for are counted together', () => {
    const folds = new FailureFolds();
    const written: number[] = [];
    for (let network = 0; network < 2 * NETWORKS; network += 1) {
      if (folds.open(failure('one'), `network ${network}`)) written.push(network);
      else folds.add(failure('one'), `network ${network}`);
    }
    // The first one beyond is the first of all others.
    expect(written).toEqual(Array.from({ length: NETWORKS + 1 }, (_, network) => network));
    expect(folds.take().events).toEqual([
      { kind: 'sign_in', outcome: 'failure', subject: 'one', details: { folded: NETWORKS - 1 } },
    ]);
    expect(folds.take().events).toEqual([]);
  });

  it('of more subjects than there is room for count the rest together', () => {
    const folds = new FailureFolds();
    for (let subject = 0; subject < 30; subject += 1) folds.add(failure(`subject ${subject}`), 'network');
    const [event] = folds.take().events;
    expect(event?.details?.folded).toBe(30);
    expect(Object.keys(event?.details?.subjects ?? {})).toHaveLength(21);
    expect(event?.details?.subjects).toMatchObject({ 'subject 0': 1, others: 10 });
  });

  it('that are given back are counted with what came since', () => {
    const folds = new FailureFolds();
    for (let time = 0; time < 3; time += 1) folds.add(failure('one'), 'network');
    const { giveBack } = folds.take();
    folds.add(failure('one'), 'network');
    giveBack();
    expect(folds.take().events.map(({ details }) => details)).toEqual([{ folded: 4 }]);
  });

  it('that are given back again and again take no more room than the others', () => {
    const folds = new FailureFolds();
    for (let round = 0; round < 3; round += 1) {
      for (let network = 0; network < NETWORKS; network += 1) folds.add(failure('one'), `network ${round} ${network}`);
      folds.take().giveBack();
      folds.take().giveBack();
    }
    const { events } = folds.take();
    expect(events).toHaveLength(NETWORKS + 1);
    const count = events.reduce((sum, { details }) => sum + Number(details?.folded), 0);
    expect(count).toBe(3 * NETWORKS);
  });

  it('have no fold for a first one that could not be written', () => {
    const folds = new FailureFolds();
    expect(folds.open(failure('one'), 'network')).toBe(true);
    folds.close(failure('one'), 'network');
    expect(folds.isFirst(failure('one'), 'network')).toBe(true);
  });
});
