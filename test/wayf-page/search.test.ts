import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { EntityManager } from 'typeorm';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { InstitutionStore, type FoundInstitutions } from '../../src/identifications/institutions.store.js';
import { InstitutionIndex } from '../../src/identifications/institution-index.service.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  // A search brings names up to date before it looks, unless the work in the background is at it: nobody waits for that.
  server = await startServer(database.connection, {}, {}, { runsBackgroundJobs: false });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

/** Stores an organisation as the previous release, an import or an operator would: the trigger is all that notes it. */
async function store(name: string, aliases: string[] = [], column = 'name'): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    `INSERT INTO accounts (${column}, aliases, individual, email) VALUES ($1, $2, false, gen_random_uuid() || '@example.org') RETURNING id`,
    [name, aliases],
  );
  return row?.id ?? '';
}

async function search(text: string): Promise<FoundInstitutions> {
  await server.app.get(InstitutionIndex).catchUp();
  return server.app.get(InstitutionStore).search(text);
}

const namesFor = async (text: string) => (await search(text)).found.map(({ name }) => name);

/** What visitors type, and the one whom they mean. */
const QUERIES: [string, string][] = [
  ['Zurich', 'Universität Zürich'],
  ['zuerich', 'Universität Zürich'],
  ['University of Zurich', 'Universität Zürich'],
  ['UZH', 'Universität Zürich'],
  ['montreal', 'Université de Montréal'],
  ['université de montréal', 'Université de Montréal'],
  ['UNIVERSITE DE MONTREAL', 'Université de Montréal'],
  ['lodzki', 'Uniwersytet Łódzki'],
  ['Łódzki', 'Uniwersytet Łódzki'],
  ['abo', 'Åbo Akademi'],
  ['Åbo', 'Åbo Akademi'],
  ['strasse', 'Bibliothek an der Langen Straße'],
  ['STRASSE', 'Bibliothek an der Langen Straße'],
  ['St Johns', 'St John’s College'],
  ["St. John's", 'St John’s College'],
  ['Saint John’s College', 'St John’s College'],
  ['大学', '東京大学'],
  ['東京', '東京大学'],
  ['東', '東京大学'],
  ['Tokyo', '東京大学'],
  ['とうきょう', '東京大学'],
  ['ﾄｳｷｮｳ', '東京大学'],
  ['القاهره', 'جامعة القاهرة'],
  ['قاهرة', 'جامعة القاهرة'],
  ['جَامِعَة القَاهِرَة', 'جامعة القاهرة'],
  ['עברית', 'האוניברסיטה העברית בירושלים'],
  ['אוניברסיטת ירושלים', 'האוניברסיטה העברית בירושלים'],
  ['Massachusets', 'Massachusetts Institute of Technology'],
  ['masachusets', 'Massachusetts Institute of Technology'],
  ['MIT', 'Massachusetts Institute of Technology'],
  ['M.I.T.', 'Massachusetts Institute of Technology'],
  ['mass tech', 'Massachusetts Institute of Technology'],
  ['technology massachusetts', 'Massachusetts Institute of Technology'],
  ['Masachusetts Insitute of Tecnology', 'Massachusetts Institute of Technology'],
  ['kobenhavn', 'Københavns Universitet'],
  ['Copenhagen', 'Københavns Universitet'],
  ['Ærø', 'Ærø Bibliotek'],
  ['aero', 'Ærø Bibliotek'],
  ['istanbul', 'İSTANBUL ÜNİVERSİTESİ'],
  ['ISTANBUL UNIVERSITESI', 'İSTANBUL ÜNİVERSİTESİ'],
  ['al azhar', 'Al-Azhar University'],
  ['alazhar', 'Al-Azhar University'],
  ['Al‑Azhar', 'Al-Azhar University'],
  ['aquila', 'Università degli Studi dell’Aquila'],
  ['dellaquila', 'Università degli Studi dell’Aquila'],
  ["universita dell'aquila", 'Università degli Studi dell’Aquila'],
  ['αθηνων', 'Εθνικό Πανεπιστήμιο Αθηνών'],
  ['ΠΑΝΕΠΙΣΤΗΜΙΟ', 'Εθνικό Πανεπιστήμιο Αθηνών'],
  ['моисеев', 'Библиотека имени Моисёева'],
  ['서울', '서울대학교'],
  ['대학교', '서울대학교'],
  ['Ｏｘｆｏｒｄ', 'Oxford Brookes'],
  ['Oxfrod', 'Oxford Brookes'],
  ['oxf', 'Oxford Brookes'],
  ['Tehran', 'دانشگاه تهران'],
  ['دانشگاه', 'دانشگاه تهران'],
  ['Texas A&M', 'Texas A&M'],
  ['ecole superieure', 'L’École supérieure'],
  ['lecole', 'L’École supérieure'],
];

const ALIASES: Record<string, string[]> = {
  'Universität Zürich': ['UZH', 'University of Zurich'],
  東京大学: ['University of Tokyo', 'トウキョウダイガク'],
  'Massachusetts Institute of Technology': ['MIT'],
  'Københavns Universitet': ['University of Copenhagen'],
  'دانشگاه تهران': ['University of Tehran'],
};

describe('The search finds what visitors mean:', () => {
  beforeAll(async () => {
    for (const name of new Set(QUERIES.map(([, meant]) => meant))) await store(name, ALIASES[name]);
    // Whatever else there may be.
    for (const name of ['Zug Library', 'Montana State', 'Oslo Kommune', 'Mitchell College', 'Tokay Museum'])
      await store(name);
  });

  it.each(QUERIES)('%s', async (text, meant) => {
    expect((await namesFor(text))[0]).toBe(meant);
  });

  it.each([
    ['Zuerich', 'Universität Zürich'],
    ['Universitaet Zueric', 'Universität Zürich'],
    ['universitaet ZUERICH', 'Universität Zürich'],
    ['fuer', 'Gesellschaft für Forschung'],
    ['Oekologie', 'Institut für Ökologie'],
    ['Müller', 'Mueller Library'],
    ['Mu\u0308ller library', 'Mueller Library'],
  ])('umlauts written with an e, and the other way round, as equal: %s', async (text, meant) => {
    for (const name of ['Gesellschaft für Forschung', 'Institut für Ökologie', 'Mueller Library', 'Fuerte Library'])
      if (!(await namesFor(name)).includes(name)) await store(name);
    const { found, similar } = await search(text);
    expect({ similar, names: found.map(({ name }) => name) }).toEqual({
      similar: false,
      names: expect.arrayContaining([meant]),
    });
  });

  it('and for an e that is none of an umlaut first what is spelled so, and no beginnings of others', async () => {
    for (const name of ['Pomona College', 'Poem House', 'Duett Academy', 'Duet Academy']) await store(name);
    expect(await namesFor('poem')).toEqual(['Poem House']);
    expect(await namesFor('duet')).toEqual(['Duet Academy', 'Duett Academy']);
    expect((await namesFor('blue')).length).toBe(0);
  });

  it('and nothing else that is only called something like it', async () => {
    expect(await namesFor('MIT')).toEqual(['Massachusetts Institute of Technology', 'Mitchell College']);
    expect((await search('Massachusetts')).similar).toBe(false);
    expect(await search('Massachussetts')).toMatchObject({
      similar: true,
      found: [{ name: 'Massachusetts Institute of Technology' }],
    });
  });

  it.each(['', '  ', "'; --", '%', '_', '\\', '!', '💥', 'Massaprosetts', 'xyzzy', 'zzzzzzzzzzzzzzzz', '京東'])(
    'nothing for what nobody is called: %p',
    async (text) => {
      expect(await search(text)).toMatchObject({ found: [], more: false });
    },
  );

  it('says by which other name it was found, and only where the name does not say it', async () => {
    expect((await search('uzh')).found).toMatchObject([{ name: 'Universität Zürich', alias: 'UZH' }]);
    expect((await search('zurich')).found).toMatchObject([{ name: 'Universität Zürich', alias: null }]);
  });
});

describe('What the search has found is ordered:', () => {
  it('first who is called exactly that, then whose name begins so, then words of names, then of other names', async () => {
    await store('The Borealis Trust');
    await store('Zenith Academy', ['Borealis']);
    await store('Borealis');
    await store('Aurora House', ['Friends of Borealis']);
    await store('Borealis Library');
    await store('A Borealis College');
    const expected = [
      'Borealis',
      'Zenith Academy',
      'Borealis Library',
      'A Borealis College',
      'The Borealis Trust',
      'Aurora House',
    ];
    expect(await namesFor('borealis')).toEqual(expected);
    expect(await namesFor('boreális')).toEqual(expected);
  });

  it('of those that are only similar, first what differs least', async () => {
    await store('Heidelberk Library');
    await store('Heidalberk College');
    await store('Heidelberg University');
    expect(await namesFor('heidelberq')).toEqual(['Heidelberg University', 'Heidelberk Library', 'Heidalberk College']);
  });

  it('and of more than are shown always the same ones', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `Persimmon ${String(index).padStart(2, '0')}`);
    for (const name of names.toReversed()) await store(name);
    const { found, more } = await search('persim');
    expect({ names: found.map(({ name }) => name), more }).toEqual({ names: names.slice(0, 20), more: true });
    const similar = await search('persymmon');
    expect(similar).toMatchObject({ more: true, similar: true });
    expect(similar.found.map(({ name }) => name)).toEqual(names.slice(0, 20));
  });
});

describe('Many misspelt words', () => {
  const NAME = 'Metropolitan Conservatory of Experimental Astronomical Instruments and Northwestern Navigation';

  it('find who is meant by the longest, and first who has most of the others', async () => {
    await store('Metropolitan Conservatory of Experimental Astronomical Instruments');
    await store(NAME);
    const { found, similar } = await search(
      'Metropolitn Conservatry of Experimentl Astronomicl Instrumants nd Northwestrn Navigatoin',
    );
    expect({ similar, names: found.map(({ name }) => name) }).toEqual({
      similar: true,
      names: [NAME, 'Metropolitan Conservatory of Experimental Astronomical Instruments'],
    });
  });

  it('are not all looked for, each for no more than a few others, and for no longer than a second', async () => {
    const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
    const likeIt = letters.flatMap((one) => letters.map((two) => `quibbl${one}${two}`));
    for (let index = 0; index < likeIt.length; index += 25) await store(likeIt.slice(index, index + 25).join(' '));
    const statements = jest.spyOn(server.app.get(EntityManager).constructor.prototype as EntityManager, 'query');
    const words = Array.from({ length: 10 }, (_, index) => `quibbl${letters[index] ?? ''}1`);
    expect((await search(words.join(' '))).similar).toBe(true);
    const asked = statements.mock.calls;
    statements.mockRestore();
    const parametersOf = (part: string) => asked.find(([statement]) => statement.includes(part))?.[1] as unknown[];
    const sought =
      asked
        .map(([, parameters]) => String((parameters as unknown[] | undefined)?.[0]))
        .find((query) => query.includes(' | ')) ?? '';
    expect(sought.split(' & ')).toHaveLength(4);
    for (const choice of sought.split(' & ')) expect(choice.split(' | ').length).toBeLessThanOrEqual(21);
    expect(parametersOf('statement_timeout')).toEqual(['1000']);
  });
});

describe('The search knows every change, whoever makes it:', () => {
  const rows = (id: string) =>
    database.query('SELECT folded, aliases FROM institution_search WHERE account_id = $1', [id]);
  const words = async () =>
    (await database.query<{ word: string }>('SELECT word FROM institution_words')).map(({ word }) => word);

  it('a new name and other aliases, disabling, enabling, turning into a person, and deletion', async () => {
    const id = await store('Wisteria Conservatory', ['Glycine']);
    expect(await namesFor('wisteria')).toEqual(['Wisteria Conservatory']);
    await database.query(`UPDATE accounts SET name = 'Magnolia Conservatory' WHERE id = $1`, [id]);
    expect(await namesFor('wisteria')).toEqual([]);
    expect(await namesFor('magnolia')).toEqual(['Magnolia Conservatory']);
    expect(await words()).not.toContain('wisteria');
    expect(await namesFor('glycine')).toEqual(['Magnolia Conservatory']);
    await database.query(`UPDATE accounts SET aliases = '{Tulip Tree}' WHERE id = $1`, [id]);
    expect(await namesFor('glycine')).toEqual([]);
    expect(await namesFor('tulip')).toEqual(['Magnolia Conservatory']);
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [id]);
    expect(await namesFor('magnolia')).toEqual([]);
    expect(await rows(id)).toEqual([]);
    await database.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [id]);
    expect(await namesFor('magnolia')).toEqual(['Magnolia Conservatory']);
    await database.query('UPDATE accounts SET individual = true WHERE id = $1', [id]);
    expect(await namesFor('magnolia')).toEqual([]);
    await database.query('UPDATE accounts SET individual = false WHERE id = $1', [id]);
    await database.query('DELETE FROM accounts WHERE id = $1', [id]);
    expect(await namesFor('magnolia')).toEqual([]);
    expect(await rows(id)).toEqual([]);
    expect(await words()).toEqual(expect.not.arrayContaining(['magnolia', 'conservatory', 'tulip']));
    expect(await database.query('SELECT id FROM institution_changes')).toEqual([]);
  });

  it('keeps a word that others have too', async () => {
    const [one, other] = [await store('Marigold Hall'), await store('Marigold House')];
    await search('marigold');
    await database.query('DELETE FROM accounts WHERE id = $1', [one]);
    await search('marigold');
    expect(await words()).toContain('marigold');
    await database.query('DELETE FROM accounts WHERE id = $1', [other]);
    await search('marigold');
    expect(await words()).not.toContain('marigold');
  });

  it('names of people, and changes that it does not depend on, are not noted', async () => {
    const id = await store('Hyacinth House');
    await search('hyacinth');
    await database.query(`INSERT INTO accounts (name, individual) VALUES ('Hyacinth Bucket', true)`);
    await database.query(`UPDATE accounts SET name = 'Hyacinth B.' WHERE name = 'Hyacinth Bucket'`);
    await database.query(`UPDATE accounts SET publisher_reference = 'x', name = name WHERE id = $1`, [id]);
    expect(await database.query('SELECT id FROM institution_changes')).toEqual([]);
    expect(await namesFor('hyacinth')).toEqual(['Hyacinth House']);
  });

  it('never offers who is disabled, although nobody has taken notice yet', async () => {
    const id = await store('Foxglove Infirmary');
    await search('foxglove');
    await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [id]);
    expect((await server.app.get(InstitutionStore).search('foxglove')).found).toEqual([]);
  });

  it('waits for nobody: who changes an organisation, and who takes notice at the same time', async () => {
    const id = await store('Snowdrop Society');
    const held = await database.hold(`UPDATE accounts SET name = 'Crocus Society' WHERE id = '${id}'`);
    try {
      expect(await namesFor('snowdrop')).toEqual(['Snowdrop Society']);
      const other = await database.hold(`SELECT pg_advisory_xact_lock(7102024, 6)`);
      try {
        await store('Snowflake Society');
        expect(await namesFor('snow')).toEqual(['Snowdrop Society']);
      } finally {
        await other.end();
      }
      expect(await namesFor('snow')).toEqual(['Snowdrop Society', 'Snowflake Society']);
    } finally {
      await held.end();
    }
  });

  it('in as many steps as it takes', async () => {
    await database.query(
      `INSERT INTO accounts (name, individual) SELECT 'Delphinium ' || n, false FROM generate_series(1, 250) AS n`,
    );
    for (let searches = 0; searches < 3; searches += 1) await search('delphinium');
    expect(await database.query('SELECT id FROM institution_changes')).toEqual([]);
    expect(await namesFor('delphinium 250')).toEqual(['Delphinium 250']);
  });
});

it('An organisation with more words than an index takes keeps nobody from being found, and is found by its name', async () => {
  // Of each such character Unicode makes several letters of a script without spaces.
  let seed = 1;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) % 88;
  const squared = () => Array.from({ length: 255 }, () => String.fromCodePoint(0x3300 + next())).join('');
  await store('Squared Society', Array.from({ length: 40 }, squared));
  await store('Round Society');
  expect(await namesFor('round society')).toEqual(['Round Society']);
  expect(await namesFor('squared society')).toEqual(['Squared Society']);
  expect(await database.query('SELECT id FROM institution_changes')).toEqual([]);
});

it('What cannot be indexed keeps nobody from being found by the name that they had, and is found once it can be', async () => {
  await store('Steady Society');
  expect(await namesFor('steady society')).toEqual(['Steady Society']);
  await database.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON institution_search FOR EACH ROW EXECUTE FUNCTION refuse()`);
  await store('Unsteady Society');
  expect(await namesFor('steady society')).toEqual(['Steady Society']);
  expect(server.logs.some((line) => line.includes('institution search index is stale'))).toBe(true);
  await database.query('DROP FUNCTION refuse CASCADE');
  expect(await namesFor('unsteady society')).toEqual(['Unsteady Society']);
});

it('The search takes the longest, the most and the strangest words', async () => {
  const odd = ['ﷺ'.repeat(255), '漢'.repeat(255), '\u{20000}'.repeat(255), 'x'.repeat(255), 'a\u0300'.repeat(120)];
  for (const [index, name] of odd.entries()) {
    await store(name, odd.toSpliced(index, 1));
    const { found } = await search(name.slice(0, 50));
    expect(found.map((one) => one.name)).toContain(name);
  }
  for (const text of ['a b c d e f g h i j k l m n o p q r s t', 'ab'.repeat(50), '漢'.repeat(100), `'''\\`]) {
    await expect(search(text)).resolves.toBeDefined();
  }
});
