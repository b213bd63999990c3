import { request } from 'node:http';
import { answerIn, type Answer, type TestServer } from './server.js';

export interface RawRequest {
  method: string;
  /** Sent as it is: nothing is normalised. */
  path: string;
  /** A list: the header is sent once for each. */
  headers?: Record<string, string | string[]>;
  /** Sent as it is, with any method. */
  body?: string | Buffer | undefined;
  /** In chunks, without a length. */
  chunked?: boolean;
}

/** One request on a connection of its own, as a client sends it that obeys no rules. */
export function send(
  { url }: Pick<TestServer, 'url'>,
  { method, path, headers = {}, body, chunked }: RawRequest,
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const framing =
    body === undefined
      ? {}
      : chunked
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers: { ...framing, ...headers }, agent: false });
    // A server may answer and hang up before it has read all.
    sent.on('error', reject);
    sent.on('response', (response) => {
      answerIn(response).then(resolve, reject);
    });
    sent.end(body);
  });
}
