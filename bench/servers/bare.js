// The upper bound: bare Fastify that answers every request with a constant.
import Fastify from 'fastify';

const body = process.env.BODY ?? '{}';
const status = Number(process.env.STATUS ?? 200);
const fastify = Fastify();
fastify.removeAllContentTypeParsers();
fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, {}));
fastify.all('*', (_request, reply) => reply.code(status).type('application/json; charset=utf-8').send(body));
await fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
