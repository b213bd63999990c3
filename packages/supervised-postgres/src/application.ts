/** The application that a server belongs to: its names on the machine, and what messages tell its operators. */
export interface Application {
  /** Names the database, its superuser, the lock file and folders; a lower-case letter, then those, digits and `_`. */
  id: string;
  /** In messages, e.g. `Latchkey`. */
  name: string;
  /** What its operators call the data folder, e.g. a variable `DATA_DIR`. */
  dataDirLabel: string;
  /** What they may do to go without this server, as the end of a sentence, e.g. `set DATABASE_URL`. */
  alternative?: string;
}

/** Refuses an id that is no plain name everywhere. Throws a TypeError. */
export function checkApplication({ id }: Application): void {
  if (!/^[a-z][a-z0-9_]{0,30}$/.test(id)) throw new TypeError(`${JSON.stringify(id)} is no id of an application.`);
}

/** What follows a remedy in a sentence: ` or set DATABASE_URL`, '' when there is no alternative. */
export function orElse({ alternative }: Application): string {
  return alternative === undefined ? '' : ` or ${alternative}`;
}

/** The folder for what the account PostgreSQL runs as could not reach in its own place. */
export function folderElsewhere({ id }: Application): string {
  return `/var/lib/${id}`;
}
