// What the cores can hash: bcrypt comparisons in as many threads as there are cores, for SECONDS; prints how many a second.
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import bcrypt from 'bcrypt';

const seconds = Number(process.env.SECONDS ?? 2);

if (isMainThread) {
  const hash = bcrypt.hashSync('an example of a password', Number(process.env.COST ?? 10));
  const rates = Array.from({ length: availableParallelism() }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: hash });
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  console.log((await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0));
} else {
  const begun = performance.now();
  let count = 0;
  do {
    if (!bcrypt.compareSync('an example of a password', workerData)) throw new Error('The password is right.');
    count += 1;
  } while (performance.now() - begun < seconds * 1_000);
  parentPort.postMessage((count / (performance.now() - begun)) * 1_000);
}
