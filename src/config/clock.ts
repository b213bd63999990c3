import { Injectable } from '@nestjs/common';

/** The process's clock. It only judges what clients bring along; all that is stored goes by the database's clock. */
@Injectable()
export class Clock {
  /** @returns seconds since 1970 */
  now(): number {
    return Math.floor(Date.now() / 1000);
  }
}
