// Networks of organisations, nested, IPv4 and IPv6, the same in every run.

/** mulberry32 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = generator(1);
const below = (count) => Math.floor(random() * count);

function randomBits(count) {
  let bits = 0n;
  for (let done = 0; done < count; done += 16) bits = (bits << 16n) | BigInt(below(65_536));
  return BigInt.asUintN(count, bits);
}

/** A network of that length somewhere inside another. */
function inside({ width, first, length }, longer) {
  const free = BigInt(width - longer);
  return { width, first: ((first | randomBits(width - length)) >> free) << free, length: longer };
}

const IPV4 = { width: 32, first: 0n, length: 0 };
/** 2000::/3, the range of global unicast addresses. */
const IPV6 = { width: 128, first: 1n << 125n, length: 3 };

function written({ width, first, length }) {
  const [size, radix, separator] = width === 32 ? [8, 10, '.'] : [16, 16, ':'];
  const parts = Array.from({ length: width / size }, (_, index) =>
    BigInt.asUintN(size, first >> BigInt(width - size * (index + 1))).toString(radix),
  );
  return `${parts.join(separator)}/${length}`;
}

/** Two thirds are anywhere, /18 to /30 and /29 to /64; the others are inside an earlier one. */
function makeNetworks(count) {
  const networks = new Map();
  const list = [];
  while (list.length < count) {
    const kind = random();
    const outer = kind < 0.45 ? IPV4 : kind < 0.65 ? IPV6 : list[below(list.length)];
    if (!outer || outer.length === outer.width) continue;
    const longer =
      outer === IPV4
        ? 18 + below(13)
        : outer === IPV6
          ? 29 + below(36)
          : outer.length + 1 + below(Math.min(12, outer.width - outer.length));
    const network = inside(outer, longer);
    const text = written(network);
    if (networks.has(text)) continue;
    networks.set(text, network);
    list.push(network);
  }
  return list;
}

const addressIn = (network) => written(inside(network, network.width)).split('/')[0];

/** Otherwise the servers index all organisations for the search meanwhile, which is not what is measured. */
export const searchNothing = (client) => client.query('TRUNCATE institution_changes');

/**
 * Stores organisations, ten networks each, for Latchkey and for the peers.
 * @returns addresses in them
 */
export async function storeNetworks(client, count, addresses) {
  const networks = makeNetworks(count);
  const organisations = Math.ceil(count / 10);
  await client.query(
    `INSERT INTO accounts (name, individual, created_at)
     SELECT 'organisation ' || n, false, now() - n * interval '1 minute' FROM generate_series(1, $1::int) n`,
    [organisations],
  );
  await client.query(
    `INSERT INTO account_networks (account_id, network)
     SELECT ids[1 + n % $2], network::cidr
     FROM unnest($1::text[]) WITH ORDINALITY AS t (network, n),
       (SELECT array_agg(id ORDER BY created_at) AS ids FROM accounts WHERE name LIKE 'organisation %') AS a`,
    [networks.map(written), organisations],
  );
  await searchNothing(client);
  await client.query(`INSERT INTO peer.networks SELECT account_id::text, network FROM account_networks`);
  await client.query(`INSERT INTO peer.accounts SELECT id::text, NULL, name FROM accounts WHERE NOT individual`);
  return Array.from({ length: addresses }, () => addressIn(networks[below(networks.length)]));
}
