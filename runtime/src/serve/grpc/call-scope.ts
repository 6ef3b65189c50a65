import {
  type Metadata,
  ResponderBuilder,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { ServeError } from '../engine/engine.ts';
import { givenKey, keyCheck } from '../http/api-key.ts';
import type { ServerContext } from '../http/context.ts';
import { HttpError } from '../http/http-error.ts';
import { countRequest, createScope, type RequestScope, requestId, traceIds } from '../http/request-scope.ts';
import type { TraceHeaders } from '../http/telemetry/telemetry.ts';
import { codeName, failureOf } from './status.ts';
import { TimedCall } from './timed-call.ts';

/** What is known of a call, by the metadata that its handler sees, too. */
const scopes = new WeakMap<Metadata, RequestScope>();

/** The scope of a call that `guardCalls` let in. */
export function scopeOfCall({ metadata }: { readonly metadata: Metadata }): RequestScope {
  return scopes.get(metadata)!;
}

const service = '/inference.GRPCInferenceService/';
const openMethods = new Set([`${service}ServerLive`, `${service}ServerReady`]);
const workMethods = new Set([`${service}ModelInfer`, `${service}ModelStreamInfer`]);
const healthService = '/grpc.health.v1.Health/';

interface CallEvents {
  /** Called before a call of the health service is answered. */
  readonly beforeHealth: () => void;
  /** Ends the connection of a client, `ADDRESS:PORT`: the one way to be rid of what it does not read. */
  readonly cut: (peer: string) => void;
}

/**
 * Stands before every call, as its metadata arrives: asks for the key, holds the rate limit, refuses work while the
 * queue is full, ends calls whose message does not arrive in time or whose answer is not read in time, and keeps the
 * log and the metrics.
 */
export function guardCalls(context: ServerContext, { beforeHealth, cut }: CallEvents): ServerInterceptor {
  const { config, engine, limiter, wrongKeys } = context;
  const check = keyCheck(config.apiKeys, wrongKeys);
  const admit = async (path: string, metadata: Metadata, scope: RequestScope, address?: string) => {
    if (path.startsWith(healthService)) return beforeHealth();
    if (openMethods.has(path)) return;
    const key = await check(
      givenKey(textOf(metadata, 'authorization'), textOf(metadata, 'x-api-key')),
      address,
    );
    if (key !== undefined) scope.key = key;
    await limiter.count({ key, address });
    if (!workMethods.has(path) || engine.pending().rows < config.queueLimit) return;
    throw new ServeError('overloaded', 'the queue is full; try again later', 1);
  };
  return ({ path }, call) => {
    const controller = new AbortController();
    let scope: RequestScope | undefined;
    let arrival: NodeJS.Timeout | undefined;
    let traceparent: string | undefined;
    const start = performance.now();
    let ended = false;
    const end = (code: status) => {
      if (ended) return;
      ended = true;
      clearTimeout(arrival);
      if (scope) report(context, { path, code, scope, traceparent, ms: performance.now() - start });
    };
    const allowed = () => scope?.timeoutMs ?? config.timeoutMs;
    const free = () => {
      if (scope) context.budget.free(scope.bytes);
      if (scope) scope.bytes = 0;
    };
    const refuse = (error: unknown) => {
      const failure = failureOf(error);
      if (scope) scope.failure = error;
      end(failure.code);
      call.sendStatus(failure);
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const id = requestId(textOf(metadata, 'x-request-id'));
        const made = createScope(id, controller.signal, context.telemetry?.begin(traceOf(metadata)));
        traceparent = textOf(metadata, 'traceparent');
        scope = made;
        scopes.set(metadata, made);
        admit(path, metadata, made, call.getConnectionInfo().remoteAddress).then(() => {
          arrival = setTimeout(
            () => refuse(new HttpError(408, 'the request took too long to arrive')),
            config.requestTimeoutMs,
          );
          next(metadata);
        }, refuse);
      })
      .withOnReceiveMessage((message, next) => {
        clearTimeout(arrival);
        next(message);
      })
      .withOnReceiveHalfClose((next) => {
        clearTimeout(arrival);
        next();
      })
      .withOnCancel(() => {
        controller.abort();
        // Said of a call at its deadline, too, whose answer is not read.
        if (!timed.sending) free();
        end(Number(call.getDeadline()) <= Date.now() ? status.DEADLINE_EXCEEDED : status.CANCELLED);
      })
      .build();
    const responder = new ResponderBuilder()
      .withStart((next) => next(listener))
      .withSendMetadata((metadata, next) => {
        if (scope) metadata.set('x-request-id', scope.id);
        if (scope?.spent.cache === 'hit') metadata.set('cache-status', 'generatrix; hit');
        if (scope?.trace?.traceparent) metadata.set('traceparent', scope.trace.traceparent);
        next(metadata);
      })
      .withSendStatus((sent, next) => {
        end(sent.code ?? status.UNKNOWN);
        // It comes after the messages have left.
        if (sent.code === status.OK) scope?.lastRun?.release?.();
        next(sent);
      })
      .build();
    const timed = new TimedCall(call, responder, {
      timeoutMs: allowed,
      late: (peer) => {
        if (scope) context.metrics.failed(scope.labels, 'timeout');
        context.logger.warn({ requestId: scope?.id }, `the answer is not sent within ${allowed()} ms`);
        free();
        cut(peer);
      },
    });
    return timed;
  };
}

interface Ended {
  readonly path: string;
  readonly code: status;
  readonly scope: RequestScope;
  /** As the client sent it. */
  readonly traceparent: string | undefined;
  readonly ms: number;
}

/** Codes that say that the server is at fault; the log has them as errors. */
const faults = new Set([status.INTERNAL, status.UNKNOWN, status.UNAVAILABLE, status.DATA_LOSS]);
/** What metrics call failures that no error of ours explains. */
const reasons: Readonly<Partial<Record<status, string>>> = {
  [status.CANCELLED]: 'cancelled',
  [status.DEADLINE_EXCEEDED]: 'timeout',
  [status.RESOURCE_EXHAUSTED]: 'too-large',
};

function report(context: ServerContext, ended: Ended): void {
  const { logger, metrics } = context;
  const { path, code, scope, traceparent, ms } = ended;
  const { id, labels, key, failure } = scope;
  metrics.answered(labels, codeName(code), ms / 1000);
  // A stream's requests are counted one by one.
  if (path === `${service}ModelInfer`) countRequest(context, scope, { ok: code === status.OK, ms });
  endTrace(ended);
  if (code !== status.OK) {
    const known = failure === undefined ? undefined : failureOf(failure);
    metrics.failed(labels, known?.code === code ? known.reason : (reasons[code] ?? 'malformed'));
  }
  const quiet = code === status.OK && (openMethods.has(path) || path.startsWith(healthService));
  logger[faults.has(code) ? 'error' : quiet ? 'debug' : 'info'](
    {
      requestId: id,
      ...traceIds(scope, traceparent),
      method: 'gRPC',
      path: path.slice(0, 200),
      code: codeName(code),
      ms: Math.round(ms * 10) / 10,
      ...(labels.model !== 'none' && labels),
      ...(key !== undefined && { key }),
      ...(failure !== undefined && faults.has(code) ? { err: failure } : {}),
    },
    'request',
  );
}

function endTrace({ path, code, scope }: Ended): void {
  const { trace, spent, id, labels } = scope;
  const { ranUntil } = spent;
  if (trace === null) return;
  if (ranUntil !== null && code === status.OK) trace.phase('serialise', ranUntil, performance.now());
  trace.end({
    name: path.slice(1, 200),
    failed: faults.has(code),
    attributes: {
      'rpc.system': 'grpc',
      'rpc.grpc.status_code': code,
      'generatrix.request_id': id,
      ...(labels.model !== 'none' && {
        'generatrix.model': labels.model,
        'generatrix.program': labels.program,
      }),
    },
  });
}

function traceOf(metadata: Metadata): TraceHeaders {
  return { traceparent: textOf(metadata, 'traceparent'), tracestate: textOf(metadata, 'tracestate') };
}

/** A text of a call's metadata. */
function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
