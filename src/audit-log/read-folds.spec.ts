import { describe, expect, it } from '@jest/globals';
import { ReadFolds, type Read } from './read-folds.js';

const read = (more: Partial<Read> = {}): Read => ({
  kind: 'account.listed',
  route: 'GET /api/accounts',
  reader: { clientId: 'one' },
  address: '192.0.2.1',
  ...more,
});

describe('Reads of one minute', () => {
  it('are one event for each reader and route, with the count and the address', () => {
    const folds = new ReadFolds();
    for (let time = 0; time < 3; time += 1) folds.add(read());
    folds.add(read({ reader: { clientId: 'other' } }));
    folds.add(read({ kind: 'token.introspected', route: 'POST /oauth/introspect' }));
    const listed = { kind: 'account.listed', address: '192.0.2.1' };
    expect(folds.take().events).toEqual([
      { ...listed, clientId: 'one', details: { folded: 3, route: 'GET /api/accounts' } },
      { ...listed, clientId: 'other', details: { folded: 1, route: 'GET /api/accounts' } },
      {
        ...{ kind: 'token.introspected', address: '192.0.2.1', clientId: 'one' },
        details: { folded: 1, route: 'POST /oauth/introspect' },
      },
    ]);
    expect(folds.take().events).toEqual([]);
  });

  it('tell apart the addresses of one reader, twenty of them', () => {
    const folds = new ReadFolds();
    for (let number = 0; number < 25; number += 1) folds.add(read({ address: `192.0.2.${number}` }));
    const [event] = folds.take().events;
    expect(event).not.toHaveProperty('address');
    expect(event?.details).toMatchObject({ folded: 25, addresses: { '192.0.2.0': 1, '192.0.2.19': 1, others: 5 } });
  });

  it('that are given back when there is no room take none', () => {
    const folds = new ReadFolds();
    const from = (number: number) => read({ reader: { clientId: `client ${number}` } });
    for (let number = 0; number < 1_100; number += 1) folds.add(from(number));
    const { giveBack } = folds.take();
    for (let number = 2_000; number < 3_000; number += 1) folds.add(from(number));
    giveBack();
    const { events } = folds.take();
    expect(events).toHaveLength(1_001);
    expect(events.reduce((sum, { details }) => sum + Number(details?.folded), 0)).toBe(2_100);
  });

  it('are counted together from the thousandth reader on', () => {
    const folds = new ReadFolds();
    for (let number = 0; number < 1_200; number += 1) folds.add(read({ reader: { clientId: `client ${number}` } }));
    const { events } = folds.take();
    expect(events).toHaveLength(1_001);
    expect(events.at(-1)).not.toHaveProperty('clientId');
    expect(events.at(-1)?.details).toMatchObject({ folded: 200 });
  });

  it('are counted with those of the next minute when they could not be written', () => {
    const folds = new ReadFolds();
    folds.add(read());
    const { giveBack } = folds.take();
    folds.add(read());
    giveBack();
    expect(folds.take().events).toMatchObject([{ details: { folded: 2 } }]);
  });
});
