/** The application that a server belongs to: its names on the machine and in messages. */
export interface Application {
  /** Names the database, its superuser, the lock file and folders; a lower-case letter, then those, digits and `_`. */
  id: string;
  /** In messages, e.g. `Latchkey`. */
  name: string;
  /** What its operators call the data folder, e.g. a variable `DATA_DIR`. */
  dataDirLabel: string;
  /** What operators can do instead of using this server, as the end of a sentence, e.g. `set DATABASE_URL`. */
  alternative?: string;
}

/** Throws a TypeError if the id is invalid. */
export function checkApplication({ id }: Application): void {
  if (!/^[a-z][a-z0-9_]{0,30}$/.test(id)) throw new TypeError(`${JSON.stringify(id)} is not a valid application id.`);
}

/** The alternative to a remedy, to end a sentence: ` or set DATABASE_URL`; '' if there is none. */
export function orElse({ alternative }: Application): string {
  return alternative === undefined ? '' : ` or ${alternative}`;
}

/** The folder for what PostgreSQL's account cannot reach in its usual place. */
export function folderElsewhere({ id }: Application): string {
  return `/var/lib/${id}`;
}
