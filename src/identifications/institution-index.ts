import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import { INSTITUTION_LOCK } from '../database/locks.js';
import { sql } from '../database/sql.js';
import { foldName, wordsOf } from './name-folding.js';
import { errorsIn, keysOf } from './similar-words.js';

/** How many changed accounts are looked at in one transaction while a visitor waits, and otherwise. */
const SMALL_BATCH = 100;
const LARGE_BATCH = 500;
/** For how long names are looked at before others have their turn, in milliseconds. */
const TURN = 10;

/** Of all words of one organisation, those of its name first: a tsvector takes a megabyte. */
const MOST_BYTES = 262_144;

interface Named {
  id: string;
  name: string;
  aliases: string[];
}

/** Nothing waits for it: changes are noted in rows of their own, and those of one batch go when it is written. */
const TAKE_CHANGES = `
  WITH taken AS (
    DELETE FROM institution_changes WHERE id = ANY (ARRAY(SELECT id FROM institution_changes LIMIT $1))
    RETURNING account_id
  )
  SELECT DISTINCT account_id AS id FROM taken`;

/** What can be found: enabled organisations that have a name. */
const NAMED = `
  SELECT id, name, aliases FROM accounts
  WHERE id = ANY ($1::uuid[]) AND NOT individual AND name IS NOT NULL AND disabled_at IS NULL`;

const REMOVE = `
  WITH removed AS (DELETE FROM institution_search WHERE account_id = ANY ($1::uuid[]) RETURNING words)
  SELECT DISTINCT unnest(tsvector_to_array(words)) AS word FROM removed`;

const INSERT = `
  INSERT INTO institution_search (account_id, folded, aliases, words)
  SELECT r.id, r.folded, r.aliases, r.words::tsvector
  FROM json_to_recordset($1::json) AS r (id uuid, folded text, aliases text[], words text)
  RETURNING account_id`;

const KNOWN_WORDS = 'SELECT word FROM institution_words WHERE word = ANY ($1::text[])';

const INSERT_WORDS = `
  INSERT INTO institution_words (word, keys)
  SELECT r.word, r.keys FROM json_to_recordset($1::json) AS r (word text, keys text[])
  ON CONFLICT (word) DO NOTHING RETURNING word`;

const REMOVE_WORDS = `
  DELETE FROM institution_words w
  WHERE w.word = ANY ($1::text[])
    AND NOT EXISTS (SELECT FROM institution_search s WHERE s.words @@ quote_literal(w.word)::tsquery)
  RETURNING word`;

/**
 * Makes what organisations are found by of their names and aliases, for a batch of those that have changed.
 *
 * @returns how many changed accounts there were; 0 also while somebody else is at it
 */
export function indexChangedInstitutions(manager: EntityManager, batch = SMALL_BATCH): Promise<number> {
  return manager.transaction(async (tx) => {
    const [lock] = await sql<{ held: boolean }>(tx, 'SELECT pg_try_advisory_xact_lock($1, $2) AS held', [
      ...INSTITUTION_LOCK,
    ]);
    if (!lock?.held) return 0;
    const changed = (await sql<{ id: string }>(tx, TAKE_CHANGES, [batch])).map(({ id }) => id);
    if (changed.length === 0) return 0;
    // A later statement, so it sees whatever the changes it has taken are about.
    const named = await sql<Named>(tx, NAMED, [changed]);
    const before = await sql<{ word: string }>(tx, REMOVE, [changed]);
    const rows = await inTurns(named, rowOf);
    if (rows.length > 0) await sql(tx, INSERT, [JSON.stringify(rows.map(({ row }) => row))]);
    const words = new Set(rows.flatMap((row) => row.all).filter((word) => errorsIn(word) > 0));
    const known = await sql<{ word: string }>(tx, KNOWN_WORDS, [[...words]]);
    const isKnown = new Set(known.map(({ word }) => word));
    const keyed = [...words].filter((word) => !isKnown.has(word)).map((word) => ({ word, keys: keysOf(word) }));
    if (keyed.length > 0) await sql(tx, INSERT_WORDS, [JSON.stringify(keyed)]);
    const gone = before.map(({ word }) => word).filter((word) => errorsIn(word) > 0 && !words.has(word));
    if (gone.length > 0) await sql(tx, REMOVE_WORDS, [gone]);
    return changed.length;
  });
}

/** Goes on until nothing is left to do. */
export async function indexAllChangedInstitutions(
  manager: EntityManager,
  isStopping: () => boolean = () => false,
): Promise<void> {
  while (!isStopping() && (await indexChangedInstitutions(manager, LARGE_BATCH)) > 0);
}

/** @returns what is stored of it, and all its words */
function rowOf({ id, name, aliases }: Named) {
  const ofName = new Set(wordsOf(name));
  const all = within(MOST_BYTES, [...new Set([...ofName, ...aliases.flatMap(wordsOf)])]);
  const [inName, inAliases] = [all.filter((word) => ofName.has(word)), all.filter((word) => !ofName.has(word))];
  const row = {
    id,
    folded: foldName(name),
    aliases: [...new Set(aliases.map(foldName))],
    words: [...weighed(inName, 'A'), ...weighed(inAliases, 'B')].join(' '),
  };
  return { row, all };
}

/** Does a piece of work for each of many, while others go on. */
async function inTurns<T, R>(all: T[], work: (one: T) => R): Promise<R[]> {
  const done: R[] = [];
  let begun = performance.now();
  for (const one of all) {
    if (performance.now() - begun > TURN) {
      await nextTurn();
      begun = performance.now();
    }
    done.push(work(one));
  }
  return done;
}

/** @returns the first words that have so many bytes together */
function within(most: number, words: string[]): string[] {
  let bytes = 0;
  return words.filter((word) => (bytes += Buffer.byteLength(word)) <= most);
}

/** Words consist of letters, marks and numbers only. */
const weighed = (words: string[], weight: 'A' | 'B') => words.map((word) => `'${word}':1${weight}`);
