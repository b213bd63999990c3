import { Injectable } from '@nestjs/common';

/** The process's time. Nothing goes by it: the database's clock decides, which `DatabaseClock` compares with this one. */
@Injectable()
export class Clock {
  /** @returns seconds since 1970, with a fraction */
  now(): number {
    return Date.now() / 1_000;
  }
}
