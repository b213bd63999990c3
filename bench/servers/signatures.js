// What the cores can sign: RS512 with 3,072 bits in as many threads as there are cores, for SECONDS; prints how many a second.
import { generateKeyPairSync, sign } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const seconds = Number(process.env.SECONDS ?? 1);

if (isMainThread) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3_072 });
  const rates = Array.from({ length: availableParallelism() }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: privateKey });
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  console.log((await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0));
} else {
  const jwt = Buffer.alloc(400, 'a');
  const begun = performance.now();
  let count = 0;
  do {
    sign('sha512', jwt, workerData);
    count += 1;
  } while (performance.now() - begun < seconds * 1_000);
  parentPort.postMessage((count / (performance.now() - begun)) * 1_000);
}
