import { Injectable } from '@nestjs/common';

/** The process's time. What is stored goes by the database's clock; this one judges what a client brings along. */
@Injectable()
export class Clock {
  /** @returns seconds since 1970 */
  now(): number {
    return Math.floor(Date.now() / 1000);
  }
}
