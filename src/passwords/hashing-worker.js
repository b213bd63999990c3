// A thread that hashes passwords and does nothing else. `HashingThreads` starts it and gives it one job at a time.
import { pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import bcrypt from 'bcrypt';

/** What bcrypt reads. Some libraries wrap around what is much longer. */
const cut = (password) => Buffer.from(password).subarray(0, 72);

function matchesForeign(password, { scheme, algorithm, iterations, scrypt, salt, hash, memory }) {
  const made =
    scheme === 'pbkdf2'
      ? pbkdf2Sync(password, salt, iterations, hash.length, algorithm)
      : scryptSync(password, salt, hash.length, { ...scrypt, maxmem: 2 * memory + 2 ** 20 });
  return timingSafeEqual(made, hash);
}

parentPort.on('message', ({ password, salt, hash, foreign }) => {
  if (foreign) parentPort.postMessage(matchesForeign(password, foreign));
  else if (hash === undefined) parentPort.postMessage(bcrypt.hashSync(cut(password), salt));
  else parentPort.postMessage(bcrypt.compareSync(cut(password), hash));
});

parentPort.postMessage('ready');
