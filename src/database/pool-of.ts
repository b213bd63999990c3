import type pg from 'pg';
import type { DataSource } from 'typeorm';

/** @returns the pool of TypeORM, which shows it to nobody */
export const poolOf = ({ driver }: DataSource): pg.Pool => (driver as unknown as { master: pg.Pool }).master;
