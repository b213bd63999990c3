// A thread that hashes passwords and does nothing else. `HashingThreads` starts it and gives it one job at a time.
import { parentPort } from 'node:worker_threads';
import bcrypt from 'bcrypt';

parentPort.on('message', ({ password, salt, hash }) => {
  parentPort.postMessage(hash === undefined ? bcrypt.hashSync(password, salt) : bcrypt.compareSync(password, hash));
});

parentPort.postMessage('ready');
