import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { foldName, otherSpellings, wordsOf, wordsSought } from './name-folding.js';
import { differenceOf, errorsIn, keysOf } from './similar-words.js';

/** An organisation that visitors can choose. */
export interface Institution {
  id: string;
  name: string;
}

/** An organisation that a search has found. */
export interface FoundInstitution extends Institution {
  /** Whether anybody can sign in for it here: by an email in its domains, or by its own email. */
  canSignIn: boolean;
  /** Its other name by which it was found; null: its name says it. */
  alias: string | null;
}

/** What a search has found, best first. */
export interface FoundInstitutions {
  found: FoundInstitution[];
  /** Whether there are more. */
  more: boolean;
  /** Whether nothing is called what was asked for, and these are called something like it. */
  similar: boolean;
}

const MOST_FOUND = 20;
/** How many words of a text are looked for; the others narrow it no further. */
const MOST_WORDS = 10;
/** How many of them, the longest, the index is asked for. Short ones stand in most names. */
const MOST_INDEXED = 4;
/** How many are sorted; of more, visitors see those that begin with the text, and have to type more of it. */
const MOST_SORTED = 1_000;
/** How many are compared to find the most similar. */
const MOST_COMPARED = 200;
const MOST_SIMILAR_WORDS = 2_000;
/** How many words of a text, the longest, are compared with others: each costs the database as much as a whole search for a name. */
const MOST_MISSPELT = 4;
/** How many words, the nearest, may be meant by one. */
const MOST_MEANT = 20;
/** How much a word that a name does not have counts beside wrong letters. */
const ABSENT = 3;
/** How long each statement of a search may take, in milliseconds: many times what it takes on a busy database. */
const LONGEST_STATEMENT = 1_000;
/** Shorter words are another spelling of whole words only: `poem` is not `pom…`. */
const SHORTEST_BEGINNING = 5;
/** Shorter words, such as `of` and `the`, are often others than those in the name. */
const SHORTEST_NEEDED = 4;

const CAN_SIGN_IN =
  '(a.email IS NOT NULL OR EXISTS (SELECT FROM account_email_domains d WHERE d.account_id = a.id LIMIT 1))';
const HAS_NAME = 'NOT a.individual AND a.name IS NOT NULL AND a.disabled_at IS NULL';

/** Found by the index on names, in their order. */
const byName = (rank: number, condition: string) => `
  (SELECT account_id, folded, ${rank} AS rank FROM institution_search
   WHERE ${condition} ORDER BY folded, account_id LIMIT ${MOST_FOUND + 1})`;

/**
 * Found by an index without an order, so a few of those that there are: to sort all would take the longer the less is asked for.
 * PostgreSQL takes them as they lie in the table, so the same ones each time.
 */
const few = (condition: string, most: number) =>
  `(SELECT account_id, folded, words FROM institution_search WHERE ${condition} LIMIT ${most}) AS few`;

/** `$1`: the folded text; `$2`: some of its words, `$3`: all of them, `$4`: in names. */
const SEARCH = `
  SELECT a.id, a.name, a.aliases, ${CAN_SIGN_IN} AS "canSignIn"
  FROM (
    SELECT account_id, folded, min(rank) AS rank FROM (
      ${byName(0, 'folded = $1')}
      UNION ALL SELECT account_id, folded, 1 FROM ${few('aliases @> ARRAY[$1::text]', MOST_SORTED)}
      UNION ALL ${byName(2, `folded LIKE $1 || '%'`)}
      UNION ALL SELECT account_id, folded, CASE WHEN words @@ $4::tsquery THEN 3 ELSE 4 END
        FROM ${few('words @@ $2::tsquery', MOST_SORTED)} WHERE words @@ $3::tsquery
    ) AS ranked GROUP BY account_id, folded
  ) AS s JOIN accounts a ON a.id = s.account_id AND ${HAS_NAME}
  ORDER BY s.rank, s.folded, s.account_id LIMIT ${MOST_FOUND + 1}`;

const SIMILAR_WORDS = `
  SELECT word FROM institution_words WHERE keys && $1::text[] LIMIT ${MOST_SIMILAR_WORDS}`;

const SIMILAR = `
  SELECT a.id, a.name, a.aliases, ${CAN_SIGN_IN} AS "canSignIn"
  FROM ${few('words @@ $1::tsquery', MOST_COMPARED)} JOIN accounts a ON a.id = few.account_id AND ${HAS_NAME}
  ORDER BY few.folded, few.account_id`;

interface Row extends Institution {
  aliases: string[];
  canSignIn: boolean;
}

/** The organisations that visitors search and choose. */
@Injectable()
export class InstitutionStore {
  constructor(private readonly manager: EntityManager) {}

  /**
   * Those that are called like the text, else those that have words which begin like its own, in names before aliases;
   * if there are none, those in whose words a letter or two are wrong.
   */
  async search(text: string): Promise<FoundInstitutions> {
    const words = wordsSought(text).slice(0, MOST_WORDS);
    if (words.length === 0) return { found: [], more: false, similar: false };
    const longest = longestOf(words, MOST_INDEXED);
    return this.manager.transaction(async (tx) => {
      // For words that stand in many names, the planner would read the table instead, where they may stand at its end.
      await sql(tx, `SELECT set_config('enable_seqscan', 'off', true), set_config('statement_timeout', $1, true)`, [
        String(LONGEST_STATEMENT),
      ]);
      const others = new Map(words.map((word) => [word, otherSpellings(text, word)]));
      const spelled = (some: string[]) => queryOf(some, { others });
      const parameters = [foldName(text), spelled(longest), spelled(words), queryOf(words, { weight: 'A' })];
      const rows = await sql<Row>(tx, SEARCH, parameters);
      return rows.length > 0 ? shown(rows, words) : similarTo(tx, words);
    });
  }

  async find(id: string): Promise<Institution | undefined> {
    const [row] = await sql<Institution>(
      this.manager,
      `SELECT a.id, a.name FROM accounts a WHERE a.id = $1 AND ${HAS_NAME} AND ${CAN_SIGN_IN}`,
      [id],
    );
    return row;
  }
}

async function similarTo(tx: EntityManager, all: string[]): Promise<FoundInstitutions> {
  const needed = all.filter((word) => Array.from(word).length >= SHORTEST_NEEDED);
  const words = longestOf(needed, MOST_MISSPELT);
  if (words.length === 0) return { found: [], more: false, similar: false };
  const keys = words.filter((word) => errorsIn(word) > 0).flatMap(keysOf);
  const known = (await sql<{ word: string }>(tx, SIMILAR_WORDS, [keys])).map(({ word }) => word);
  const choices = words.map((word) => [`${quoted(word)}:*`, ...nearestOf(word, known).map(quoted)]);
  const query = choices.map((choice) => `(${choice.join(' | ')})`).join(' & ');
  const rows = await sql<Row>(tx, SIMILAR, [query]);
  const nearest = rows
    .map((row, order) => ({ row, order, difference: differenceFrom(needed, row) }))
    .sort((one, other) => one.difference - other.difference || one.order - other.order)
    .map(({ row }) => row);
  return { ...shown(nearest, words), similar: true };
}

const longestOf = (words: string[], most: number) =>
  words.toSorted((one, other) => other.length - one.length).slice(0, most);

/** @returns the words that may be meant by one, the nearest first */
function nearestOf(word: string, known: string[]): string[] {
  return known
    .flatMap((other) => {
      const difference = differenceOf(word, other);
      return difference === undefined ? [] : [{ other, difference }];
    })
    .sort((one, two) => one.difference - two.difference || (one.other < two.other ? -1 : 1))
    .slice(0, MOST_MEANT)
    .map(({ other }) => other);
}

/** Words consist of letters, marks and numbers only. */
const quoted = (word: string) => `'${word}'`;

/**
 * @param options.weight `A`: in names only
 * @param options.others what each of the words may be spelled like beside itself
 */
function queryOf(words: string[], { weight = '', others }: { weight?: string; others?: Map<string, string[]> } = {}) {
  const choices = words.map((word) => [
    `${quoted(word)}:*${weight}`,
    ...(others?.get(word) ?? []).map((other) =>
      other.length < SHORTEST_BEGINNING ? quoted(other) : `${quoted(other)}:*`,
    ),
  ]);
  return choices.map((choice) => `(${choice.join(' | ')})`).join(' & ');
}

function shown(rows: Row[], words: string[]): FoundInstitutions {
  const found = rows.slice(0, MOST_FOUND).map(({ id, name, aliases, canSignIn }) => ({
    id,
    name,
    canSignIn,
    alias: saysAll(name, words) ? null : (aliases.find((alias) => saysAll(alias, words)) ?? null),
  }));
  return { found, more: rows.length > MOST_FOUND, similar: false };
}

function saysAll(name: string, words: string[]): boolean {
  const own = wordsOf(name);
  return words.every((word) => own.some((one) => one.startsWith(word)));
}

/** @returns how many letters of the words are others in the names of the row */
function differenceFrom(words: string[], { name, aliases }: Row): number {
  const own = [...new Set([name, ...aliases].flatMap(wordsOf))];
  const least = words.map((word) =>
    Math.min(...own.map((one) => (one.startsWith(word) ? 0 : (differenceOf(word, one) ?? ABSENT)))),
  );
  return least.reduce((sum, difference) => sum + difference, 0);
}
