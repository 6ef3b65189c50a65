import { createHash } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import type { ServerContext } from '../http/context.ts';
import type { Inference } from '../http/oip/inference.ts';
import type { RequestScope } from '../http/request-scope.ts';

/** A request as it came. */
export interface CallMessage {
  readonly request: Uint8Array;
  readonly metadata: Metadata;
}

/** What the cache says of a call: its stored answer, or where a new one goes. */
export interface StoredCall {
  readonly answer: Uint8Array | undefined;
  /** Keeps an answer, serialised. @param digest of the bundle that gave it */
  readonly keep: (answer: Uint8Array, digest: string) => void;
}

/**
 * Looks a call up that names its seed: its answer is a function of the bundle and the message. The cache is that of
 * REST, with the same limits; metadata `cache-control: no-store` asks for a run.
 */
export function storedCall(
  { cache, metrics, version }: Pick<ServerContext, 'cache' | 'metrics' | 'version'>,
  scope: RequestScope,
  { target: { model, name }, asked }: Inference,
  { request, metadata }: CallMessage,
): StoredCall {
  const fresh = metadata.get('cache-control').some((value) => /\bno-store\b/i.test(String(value)));
  if (asked.parameters?.seed === undefined || fresh) return { answer: undefined, keep: () => undefined };
  const about = JSON.stringify([version, model.digest, model.name, model.version, name]);
  const tag = `gRPC ${createHash('sha256').update(about).update('\n').update(request).digest('base64url')}`;
  const stored = cache.get(tag);
  const result = stored ? 'hit' : 'miss';
  metrics.cached({ model: model.name, result });
  scope.spent.cache = result;
  return {
    answer: stored?.body,
    keep: (body, digest) => {
      // Replaced meanwhile: the tag is of the other bundle.
      if (digest !== model.digest) return;
      const { name: of, version: at } = model;
      cache.keep(tag, { model: of, version: at, labels: scope.labels, headers: {}, body });
    },
  };
}
