import { Column, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** What visitors find an enabled organisation by. It follows `accounts` at once, by `institution_changes`. */
@Entity('institution_search')
@Index('institution_search_folded_idx', { synchronize: false })
@Index('institution_search_aliases_idx', { synchronize: false })
@Index('institution_search_words_idx', { synchronize: false })
export class InstitutionSearchEntity {
  @PrimaryColumn({ name: 'account_id', type: 'uuid' })
  accountId!: string;

  /** Its name, as `foldName` makes it. */
  @Column({ type: 'text', collation: 'C' })
  folded!: string;

  /** Its other names, likewise. */
  @Column({ type: 'text', array: true, collation: 'C' })
  aliases!: string[];

  /** The words of its name, with weight A, and of its aliases, with weight B. */
  @Column({ type: 'tsvector' })
  words!: string;
}

/** A word of names, as far as it is recognised when it is misspelt. */
@Entity('institution_words')
@Index('institution_words_keys_idx', { synchronize: false })
export class InstitutionWordEntity {
  @PrimaryColumn({ type: 'text', collation: 'C' })
  word!: string;

  /** As `keysOf` makes them. */
  @Column({ type: 'text', array: true, collation: 'C' })
  keys!: string[];
}

/** An account of which what it is found by has changed; a trigger of `accounts` notes it. */
@Entity('institution_changes')
export class InstitutionChangeEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ name: 'account_id', type: 'uuid' })
  accountId!: string;
}
