import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../access/principal.js';
import { adminsOnly } from '../access/refusals.js';
import { withDeadline } from '../database/deadline.js';
import { canonicalAddress } from '../http/client-address.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { openAnswer, sealAnswer, type Answer } from './answers.js';
import { canonicalJson } from './canonical-json.js';
import { IdempotencyKeyStore, type Digests, type Known } from './idempotency-keys.store.js';
import { answerLost, badKey, otherBody, stillUnderWay } from './refusals.js';
import { readKey } from './key-header.js';

/** A request with a key: it has it, or it gets the answer that another has got with it. */
interface Use {
  key: string;
  digest: Buffer;
  claim: string;
  replay?: Answer;
}

declare module 'fastify' {
  interface FastifyRequest {
    idempotency?: Use;
  }
}

/** How long storing an answer may take, however late it is for the request, in milliseconds. */
const STORING = 2_500;
/** What is kept of an answer besides its status and its body. */
const KEPT_HEADERS = ['content-type', 'location', 'etag', 'pragma'];

/** Makes something once for each Idempotency-Key; see docs/idempotency.md. */
@Injectable()
export class Idempotency {
  private readonly logger = new Logger('Idempotency');

  constructor(
    private readonly store: IdempotencyKeyStore,
    private readonly secretKeys: SecretKeys,
  ) {}

  /** Must be called before the first route is registered. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      if (!route.config?.isIdempotent) return;
      route.onSend = [route.onSend ?? []].flat().concat((request, reply, payload, done) => {
        const use = request.idempotency;
        if (!use) done(null, payload);
        else if (use.replay) done(null, answerAgain(reply, use.replay));
        else
          void this.end(use, request, reply, payload).then(() => {
            done(null, payload);
          });
      });
    });
  }

  /**
   * To be called when it is known who asks.
   *
   * @param header the Idempotency-Key
   * @returns whether the request is to be carried out; otherwise it gets the answer that there is
   * @throws ApiError `bad_request`, `conflict`, or `forbidden` for whoever was an admin
   */
  async begin(request: FastifyRequest, header: string): Promise<boolean> {
    const key = readKey(header);
    if (key === null) throw badKey();
    const name = nameOf(request, key);
    const named = this.digestsOf(name, canonicalJson(request.body));
    const [{ digest }] = named;
    const use: Use = { key, digest, claim: randomUUID() };
    const known = await this.store.claim(named, use.claim, lockOf(name));
    if (known) use.replay = this.answerOf(known, named, use.key, request.principal);
    else
      request.beforeCommit = async (tx) => {
        if (!(await this.store.noteAct(tx, digest, use.claim))) throw stillUnderWay();
      };
    request.idempotency = use;
    return !known;
  }

  /** @throws ApiError when there is none for this request */
  private answerOf(known: Known, named: Digests[], key: string, principal: Principal | undefined): Answer {
    const own = named.find(({ digest }) => digest.equals(known.digest));
    if (!own || !timingSafeEqual(own.bodyDigest, known.bodyDigest)) throw otherBody();
    if (!known.answer) throw known.isLost ? answerLost() : stillUnderWay();
    const answer = openAnswer(this.secretKeys, key, known.digest, known.answer);
    if (!answer) throw answerLost();
    if (answer.forAdmins && !isAdmin(principal)) throw adminsOnly();
    return answer;
  }

  /** Never rejects: what was made has been made, whether or not its answer can be stored. */
  private async end(use: Use, request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<void> {
    const { digest, claim, key } = use;
    const isGood = reply.statusCode >= 200 && reply.statusCode < 300;
    try {
      await withDeadline(STORING, () => {
        if (!isGood) return this.store.release(digest, claim);
        const answer = answerFrom(request, reply, payload);
        return this.store.keepAnswer(digest, claim, sealAnswer(this.secretKeys, key, digest, answer));
      });
    } catch (error) {
      this.logger.warn('could not store the response for an Idempotency-Key', error);
    }
  }

  private digestsOf(name: string, body: string): [Digests, ...Digests[]] {
    const named = this.secretKeys.all('idempotency-key').map(({ key }) => ({
      digest: createHmac('sha256', key).update(`key ${name}`).digest(),
      bodyDigest: createHmac('sha256', key).update(`body ${name.length} ${name} ${body}`).digest(),
    }));
    return named as [Digests, ...Digests[]];
  }
}

/** A key belongs to a credential and to a route. */
function nameOf({ principal, ip, method, routeOptions, params }: FastifyRequest, key: string): string {
  const who = principal ? credentialOf(principal) : `address ${canonicalAddress(ip) ?? ip}`;
  return JSON.stringify([who, method, routeOptions.url, canonicalJson(params), key]);
}

function credentialOf(principal: Principal): string {
  if ('userTokenId' in principal) return `token ${principal.userTokenId}`;
  if ('sessionId' in principal) return `session ${principal.sessionId}`;
  if ('gatewayAccountId' in principal) return `gateway ${principal.gatewayAccountId}`;
  if ('secretId' in principal) return `secret ${principal.secretId}`;
  return `token ${principal.tokenId ?? ''}`;
}

const isAdmin = (principal: Principal | undefined) =>
  principal !== undefined && 'isAdmin' in principal && principal.isAdmin;

const lockOf = (name: string) => createHash('sha256').update(name).digest().readInt32BE();

function answerFrom({ principal }: FastifyRequest, reply: FastifyReply, payload: unknown): Answer {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)]];
  });
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: typeof payload === 'string' ? payload : '',
    forAdmins: isAdmin(principal),
  };
}

function answerAgain(reply: FastifyReply, { status, headers, body }: Answer): string {
  void reply.code(status).headers({ ...headers, 'idempotent-replayed': 'true' });
  return body;
}
