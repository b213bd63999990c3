import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';

/** An organisation that visitors can choose. */
export interface Institution {
  id: string;
  name: string;
}

const MOST_FOUND = 20;

/** Organisations with a name for which somebody can sign in: by an email in their domains, or by their own email. */
const CHOOSABLE = `
  NOT a.individual AND a.name IS NOT NULL AND a.disabled_at IS NULL
  AND (a.email IS NOT NULL OR (SELECT true FROM account_email_domains d WHERE d.account_id = a.id LIMIT 1))`;

/** Replaced by spaces, so that PostgreSQL's parser sees no paths, hosts, emails, tags and signed numbers in names. */
const SEPARATORS = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~‐‑‒–—‘’‚“”„…«·»';

/** The words of a text, as in the index on names. */
const wordsOf = (text: string) =>
  `to_tsvector('simple', translate(${text}, '${SEPARATORS.replace("'", "''")}', '${' '.repeat(SEPARATORS.length)}'))`;

/** The account table as the WAYF page sees it. */
@Injectable()
export class InstitutionStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns institutions whose names contain words that begin with the given ones, and whether there are more */
  async search(text: string): Promise<{ found: Institution[]; more: boolean }> {
    const rows = await sql<Institution>(
      this.manager,
      `SELECT a.id, a.name FROM accounts a
       WHERE ${wordsOf('a.name')} @@ (
           SELECT string_agg(quote_literal(lexeme) || ':*', ' & ')::tsquery FROM unnest(${wordsOf('$1::text')})
         ) AND ${CHOOSABLE}
       ORDER BY a.name, a.id LIMIT ${MOST_FOUND + 1}`,
      [text.normalize('NFC')],
    );
    return { found: rows.slice(0, MOST_FOUND), more: rows.length > MOST_FOUND };
  }

  async find(id: string): Promise<Institution | undefined> {
    const [row] = await sql<Institution>(
      this.manager,
      `SELECT a.id, a.name FROM accounts a WHERE a.id = $1 AND ${CHOOSABLE}`,
      [id],
    );
    return row;
  }
}
