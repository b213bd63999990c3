import { storeTokens } from '../support/fixtures.js';
import { checkOf, isGatewayAccount, UNKNOWN } from './hot-check.js';

/** More than a slice sends. */
const PER_SLICE = 12_000;
/** For all slices, unless some are repeated. */
const PREPARED = 168_000;

export const newCheck = {
  name: '`GET /v1/api/auth`, each token new',
  goals: { 20: 0.35, 24: 0.35 },
  peers: ['hand-written'],
  async prepare({ client }) {
    const secrets = await storeTokens(client, PREPARED);
    const [first] = secrets;
    /** Those that nobody has shown; more are stored when slices had to be repeated. */
    const take = async () => {
      if (secrets.length < PER_SLICE) secrets.push(...(await storeTokens(client, PER_SLICE)));
      return secrets.splice(0, PER_SLICE).map(checkOf);
    };
    const old = await take();
    return {
      status: 200,
      contains: 'GATEWAY_ACCOUNT_1',
      example: () => checkOf(first),
      bad: () => UNKNOWN,
      isRight: isGatewayAccount,
      // Only Latchkey remembers.
      requests: (server, isBare) => (server.kind === 'latchkey' && !isBare ? take() : old),
    };
  },
};
