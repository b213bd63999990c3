import { setTimeout as pause } from 'node:timers/promises';

/**
 * Calls `work` again when it fails, up to three times in all: other work on the machine may have kept the database
 * waiting so long that Latchkey answered 503, as it should.
 */
export async function again(work, tries = 3) {
  try {
    return await work();
  } catch (error) {
    if (tries === 1) throw error;
    console.error(`  ${error.message.split('\n')[0]} Once more …`);
    await pause(2_000);
    return again(work, tries - 1);
  }
}
