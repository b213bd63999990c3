import { afterAll, expect, it } from '@jest/globals';
import { cleanUp, ServerProcess } from './support/process.js';

afterAll(cleanUp);

it('LOG_FORMAT=pretty has requests and a failed start in one line each, and a stack of neither', async () => {
  const server = await ServerProcess.start({ LOG_FORMAT: 'pretty', LOG_LEVEL: 'info' }).then((one) => one.ready());
  const { headers } = await server.call('GET', '/accounts/nobody');
  const id = String(headers.get('x-request-id')).slice(0, 8);
  const taken = await ServerProcess.start({ LOG_FORMAT: 'pretty', LOG_LEVEL: 'info', PORT: String(server.port) });
  expect(await taken.exited).toEqual({ code: 1, signal: null });
  expect(taken.output).toMatch(
    /^\d\d:\d\d:\d\d INFO  Latchkey .*\n\d\d:\d\d:\d\d FATAL could not start: .* or set PORT\.\n$/,
  );
  server.kill('SIGTERM');
  await server.exited;
  expect(server.stdout).toMatch(
    new RegExp(
      `^\\d\\d:\\d\\d:\\d\\d INFO  GET /accounts/:id 401 [\\d.]+ ms 127.0.0.1 \\[${id}\\] refused: missing session$`,
      'm',
    ),
  );
  expect(server.stdout).not.toContain('    at ');
});
