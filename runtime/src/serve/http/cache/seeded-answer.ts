import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { bodyDigest } from '../json-body.ts';
import { scopeOf } from '../request-scope.ts';
import { forbidStoring } from './forbid-storing.ts';
import type { StoredAnswer } from './response-cache.ts';

/** Headers that belong to a body, and come again with it. */
const keptHeaders = [
  'Content-Type',
  'Generatrix-Seed',
  'Generatrix-Version',
  'Inference-Header-Content-Length',
];

/** What an answer depends on, besides the request's address and body. */
interface Asked {
  readonly model: ServedModel;
  /** Whether the request names every seed that it draws from: then its answer is a function of it. */
  readonly seeded: boolean;
  /** What was chosen by headers, such as the format. */
  readonly shown?: object;
}

/**
 * Says what caches may do with the answer to a request, and answers it without running anything where that can be:
 * 304 when the client has the answer, the stored one when this process has. The entity tag is a hash of the bundle and
 * the request; it is weak, because other devices give the same values to rounding only.
 * @returns whether the request is answered
 */
export function answeredBefore(
  context: ServerContext,
  request: Request,
  response: Response,
  asked: Asked,
): boolean {
  const { cache, config, metrics } = context;
  const { model, seeded, shown } = asked;
  const keyed = config.apiKeys.length > 0;
  const vary = [
    ...(shown ? ['Accept'] : []),
    'Accept-Encoding',
    ...(keyed ? ['Authorization', 'X-API-Key'] : []),
  ];
  response.vary(vary.join(', '));
  if (!seeded) {
    forbidStoring(response);
    return false;
  }
  const tag = tagOf(context, request, response, asked);
  const age = `max-age=${config.cacheMaxAgeSeconds}`;
  response.set('ETag', tag);
  response.set('Cache-Control', `${keyed ? 'private' : 'public'}, ${age}, must-revalidate`);
  const counted = (result: 'hit' | 'miss' | 'not-modified') => {
    metrics.cached({ model: model.name, result });
    scopeOf(response).spent.cache = result === 'miss' ? 'miss' : 'hit';
    if (result !== 'miss') scopeOf(response).labels = { ...scopeOf(response).labels, model: model.name };
  };
  if (hasTag(request.get('If-None-Match'), tag)) {
    counted('not-modified');
    response.status(304).end();
    return true;
  }
  if (/\bno-store\b/i.test(request.get('Cache-Control') ?? '')) return false;
  const stored = cache.get(tag);
  if (stored) {
    counted('hit');
    sendStored(response, stored);
    return true;
  }
  counted('miss');
  scopeOf(response).bundle = model.digest;
  // The answer to HEAD has no body to keep.
  if (request.method !== 'HEAD') keepAnswer(context, response, model, tag);
  return false;
}

function tagOf(
  { version }: ServerContext,
  request: Request,
  response: Response,
  { model, shown }: Asked,
): string {
  const about = [
    version,
    model.digest,
    model.name,
    model.version,
    request.originalUrl,
    request.get('Inference-Header-Content-Length') ?? null,
    shown ?? null,
  ];
  const hash = createHash('sha256')
    .update(JSON.stringify(about))
    .update('\n')
    .update(bodyDigest(request, response));
  return `W/"${hash.digest('base64url')}"`;
}

/** By the weak comparison: RFC 9110, 13.1.2. */
function hasTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  const opaque = (one: string) => one.replace(/^W\//, '');
  return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some((one) => opaque(one) === opaque(tag));
}

function sendStored(response: Response, { headers, body, labels }: StoredAnswer): void {
  scopeOf(response).labels = labels;
  response.set({ ...headers, 'Cache-Status': 'generatrix; hit' });
  response.send(Buffer.from(body.buffer, body.byteOffset, body.length));
}

type Write = (...args: readonly unknown[]) => unknown;

/** Keeps what is written to a response, before it is compressed, when it ends well. */
function keepAnswer({ cache }: ServerContext, response: Response, model: ServedModel, tag: string): void {
  if (cache.largest === 0) return;
  let parts: Uint8Array[] | null = [];
  let size = 0;
  const collect = (chunk: unknown, encoding: unknown) => {
    if (parts === null || chunk === undefined || chunk === null || typeof chunk === 'function') return;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : (chunk as Uint8Array);
    size += bytes.length;
    if (size > cache.largest) parts = null;
    else parts.push(bytes);
  };
  const write = response.write.bind(response) as Write;
  const end = response.end.bind(response) as Write;
  response.write = ((...args: readonly unknown[]) => {
    collect(args[0], args[1]);
    return write(...args);
  }) as Response['write'];
  response.end = ((...args: readonly unknown[]) => {
    collect(args[0], args[1]);
    // An error, or an answer of another bundle than the tag's, has lost its tag.
    if (parts !== null && response.statusCode === 200 && response.getHeader('ETag') === tag) {
      const headers = keptHeaders.flatMap((name) => {
        const value = response.getHeader(name);
        return value === undefined ? [] : [[name, String(value)] as const];
      });
      cache.keep(tag, {
        model: model.name,
        version: model.version,
        labels: scopeOf(response).labels,
        headers: Object.fromEntries(headers),
        // A copy: what was written may be a small view of a large batch.
        body: Buffer.concat(parts, size),
      });
      parts = null;
    }
    return end(...args);
  }) as Response['end'];
}
