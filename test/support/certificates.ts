import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from './process.js';

/** Whether there is an `openssl`, which makes certificates. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

interface Pair {
  /** The paths of both, in PEM. */
  key: string;
  cert: string;
}

const YEAR = 365;

/** An authority of a test's own. {@link cleanUp} removes its folder. */
export class Authority {
  private count = 0;

  private constructor(
    private readonly folder: string,
    private readonly own: Pair,
  ) {}

  static make(name: string): Authority {
    const folder = newFolder();
    const own = { key: join(folder, 'ca.key'), cert: join(folder, 'ca.crt') };
    run([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(YEAR)],
      ...['-subj', `/CN=${name}`, '-keyout', own.key, '-out', own.cert],
    ]);
    return new Authority(folder, own);
  }

  /** The path of its certificate. */
  get path(): string {
    return this.own.cert;
  }

  /**
   * Issues the certificate of a server.
   *
   * @param names as in a subjectAltName: `DNS:localhost`, `IP:127.0.0.1`
   * @param days for how long from now on; less than 0: it has expired
   */
  issue(names: string, days = YEAR): Pair {
    this.count += 1;
    const at = (what: string) => join(this.folder, `server-${this.count}.${what}`);
    run([
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=server'],
      ...['-keyout', at('key'), '-out', at('csr')],
    ]);
    writeFileSync(at('ext'), `subjectAltName=${names}\n`);
    run([
      ...['x509', '-req', '-in', at('csr'), '-CA', this.own.cert, '-CAkey', this.own.key, '-CAcreateserial'],
      ...['-days', String(days), '-extfile', at('ext'), '-out', at('crt')],
    ]);
    return { key: at('key'), cert: at('crt') };
  }
}

function run(args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}:\n${stderr}`);
}
