import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { messageOf, UserError } from '../../errors.ts';
import { type RunRequest, type RunResult, type ServedModel, ServeError } from '../engine/engine.ts';
import { forbidStoring } from './cache/forbid-storing.ts';
import type { ServerContext } from './context.ts';
import { clientLeft } from './http-error.ts';
import type { JsonLimits } from './json/scan.ts';
import type { RequestLabels } from './metrics.ts';
import { nothingSpent, type Spent } from './statistics.ts';
import type { RequestTrace, TraceHeaders } from './telemetry/telemetry.ts';

/** What is known of a request while it is answered. */
export interface RequestScope {
  readonly id: string;
  /** Aborts when the client leaves before it has its answer. */
  readonly signal: AbortSignal;
  labels: RequestLabels;
  /** The version of the model that the labels name. */
  version?: string;
  /** Whether it is a request for a run, which statistics count. */
  work: boolean;
  /** What it has taken so far. */
  spent: Spent;
  /** Digest of the bundle that the answer's entity tag names. */
  bundle?: string;
  /** For the request, milliseconds, once its model is known. */
  timeoutMs?: number;
  /** Called when that is known. */
  onTimeoutKnown?: () => void;
  /** Whether its answer was cut off, since it took too long to send. */
  cut: boolean;
  /** Bytes of its runs that are in the budget of answers: the largest run's. */
  bytes: number;
  /** What JSON in its body may be. */
  json: JsonLimits;
  /** SHA-256 of its body, where another thread has read that. */
  bodyDigest?: Uint8Array;
  /** Name of the API key. */
  key?: string;
  /** Its span, where requests are traced. */
  readonly trace: RequestTrace | null;
  /** The last of its runs, whose memory is free when the answer is sent. */
  lastRun?: RunResult;
  /** Why it failed, for the log: the answer says less of a defect. */
  failure?: unknown;
}

/** An id from outside that is fit for logs and headers. */
const saneId = /^[\w.:=+/-]{1,128}$/;

/** The id that a client gave its request if that is sane, else a new one. */
export function requestId(given: string | undefined): string {
  return given !== undefined && saneId.test(given) ? given : randomUUID();
}

/** The scope of a request of which nothing is known yet. */
export function createScope(
  id: string,
  signal: AbortSignal,
  trace: RequestTrace | null = null,
): RequestScope {
  return {
    id,
    signal,
    trace,
    labels: { model: 'none', program: 'none' },
    work: false,
    spent: nothingSpent(),
    json: { maxJsonDepth: 0, maxValues: 0 },
    cut: false,
    bytes: 0,
  };
}

/** Gives each request its scope, an id (its own `X-Request-Id` if that is sane), a log line and its metrics. */
export function requestScope(context: ServerContext): RequestHandler {
  const { logger, metrics, telemetry, draining, budget } = context;
  return (request, response, next) => {
    const start = performance.now();
    const path = request.path.slice(0, 200);
    const id = requestId(request.get('X-Request-Id'));
    const controller = new AbortController();
    const scope = createScope(id, controller.signal, telemetry?.begin(traceHeaders(request)));
    response.locals.scope = scope;
    response.setHeader('X-Request-Id', id);
    if (scope.trace?.traceparent) response.setHeader('traceparent', scope.trace.traceparent);
    if (draining()) response.setHeader('Connection', 'close');
    response.once('close', () => {
      const left = !response.writableFinished;
      if (left) controller.abort();
      else scope.lastRun?.release?.();
      budget.free(scope.bytes);
      const code = scope.cut ? 504 : left ? clientLeft : response.statusCode;
      const milliseconds = performance.now() - start;
      metrics.answered(scope.labels, code, milliseconds / 1000);
      if (scope.work) countRequest(context, scope, { ok: code < 400, ms: milliseconds });
      const { failure } = scope;
      endTrace(scope, request, code);
      // Health probes come every few seconds and are not logged while they succeed.
      const quiet = code < 400 && (path.startsWith('/v2/health/') || path === '/metrics');
      logger[code >= 500 ? 'error' : quiet ? 'debug' : 'info'](
        {
          requestId: id,
          ...traceIds(scope, request.headers.traceparent),
          method: request.method,
          path,
          code,
          ms: Math.round(milliseconds * 10) / 10,
          ...(scope.labels.model !== 'none' && scope.labels),
          ...(scope.key !== undefined && { key: scope.key }),
          ...(failure !== undefined && code >= 500 ? { err: failure } : {}),
        },
        'request',
      );
    });
    next();
  };
}

/** The ids that tie a log line to a trace: of the request's span, or, where it has none, of the client's. */
export function traceIds(
  { trace }: RequestScope,
  traceparent: unknown,
): { trace_id?: string; span_id?: string } {
  if (trace !== null) return { trace_id: trace.traceId, span_id: trace.spanId };
  const [, traceId] = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(String(traceparent)) ?? [];
  return traceId === undefined ? {} : { trace_id: traceId };
}

function traceHeaders({ headers: { traceparent, tracestate } }: Request): TraceHeaders {
  return { traceparent, tracestate };
}

function endTrace(
  { trace, spent: { ranUntil }, id, labels }: RequestScope,
  request: Request,
  code: number,
): void {
  if (trace === null) return;
  if (ranUntil !== null && code < 400) trace.phase('serialise', ranUntil, performance.now());
  const { route } = request as { route?: { path?: unknown } };
  const path = typeof route?.path === 'string' ? route.path : undefined;
  trace.end({
    name: path === undefined ? request.method : `${request.method} ${path}`,
    failed: code >= 500,
    attributes: {
      'http.request.method': request.method,
      'http.response.status_code': code,
      'url.path': request.path.slice(0, 200),
      ...(path !== undefined && { 'http.route': path }),
      'generatrix.request_id': id,
      ...(labels.model !== 'none' && {
        'generatrix.model': labels.model,
        'generatrix.program': labels.program,
      }),
    },
  });
}

/** Counts a request that is over in the statistics of its model; what names none that there is counts nowhere. */
export function countRequest(
  { statistics }: Pick<ServerContext, 'statistics'>,
  { labels, version, spent }: RequestScope,
  over: { readonly ok: boolean; readonly ms: number },
): void {
  if (version === undefined || labels.model === 'none' || labels.model === 'unknown') return;
  statistics.answered({ name: labels.model, version }, labels.program, spent, over);
}

/** The scope that `requestScope` made. */
export function scopeOf(response: Response): RequestScope {
  return response.locals.scope as RequestScope;
}

/** A served model, noted in the request's labels. @throws ServeError `not-found`. */
export function findModel(
  context: ServerContext,
  response: Response,
  name: string,
  version?: string,
): ServedModel {
  const scope = scopeOf(response);
  scope.labels = { model: 'unknown', program: 'none' };
  const model = context.engine.model(name, version);
  noteModel(context, scope, model);
  return model;
}

/** Notes which model a request is about: for its metrics, and for how long it may take. */
export function noteModel(
  { limits }: Pick<ServerContext, 'limits'>,
  scope: RequestScope,
  { name, version }: ServedModel,
  program = 'none',
): void {
  scope.version = version;
  scope.labels = { model: name, program };
  scope.timeoutMs = limits.of(name).timeoutMs;
  scope.onTimeoutKnown?.();
}

/** What a request runs. */
export type ProgramRun = Pick<RunRequest, 'program' | 'sources'> & {
  readonly model: ServedModel;
  readonly timeoutMs?: number | undefined;
};

/** Runs a program for a request that is answered over HTTP. */
export async function runFor(
  context: ServerContext,
  response: Response,
  run: ProgramRun,
): Promise<RunResult> {
  const scope = scopeOf(response);
  const result = await runInScope(context, scope, run);
  // Replaced since the request was read: the tag is of the other bundle.
  if (scope.bundle !== undefined && scope.bundle !== result.digest) forbidStoring(response);
  return result;
}

/**
 * Counts the memory of a run of `rows` rows in the budget of answers: again and again the largest counts.
 * @throws HttpError 400, ServeError `overloaded` where it does not fit, `cancelled` for a request that is over.
 */
export function countAnswer(
  budget: ServerContext['budget'],
  scope: RequestScope,
  { model, program }: Pick<ProgramRun, 'model' | 'program'>,
  rows: number,
): void {
  // What a request that is over would count, nothing would free.
  if (scope.signal.aborted) throw new ServeError('cancelled', 'the request was cancelled');
  scope.bytes = budget.take(model.manifest.programs[program]!, rows, scope.bytes);
}

/** Runs a program for a request: with its metric labels, its id and its abort signal. */
export async function runInScope(
  { engine, budget }: Pick<ServerContext, 'engine' | 'budget'>,
  scope: RequestScope,
  run: ProgramRun,
): Promise<RunResult> {
  const { model, program, sources, timeoutMs } = run;
  if (!Object.hasOwn(model.manifest.programs, program)) {
    throw new UserError(`model ${model.name} has no program '${program}'`);
  }
  scope.labels = { model: model.name, program };
  countAnswer(budget, scope, run, sources.count);
  const asked = performance.now();
  const result = await engine
    .run({
      sources,
      ...(timeoutMs !== undefined && { timeoutMs }),
      model: model.name,
      version: model.version,
      program,
      signal: scope.signal,
      requestId: scope.id,
    })
    .catch((error: unknown) => {
      scope.trace?.phase('run', asked, performance.now(), messageOf(error));
      throw error;
    });
  scope.lastRun = result;
  const started = asked + result.queueMs;
  const ended = started + result.runMs;
  const { spent } = scope;
  scope.spent = {
    ...spent,
    queueMs: spent.queueMs + result.queueMs,
    runMs: spent.runMs + result.runMs,
    rows: spent.rows + sources.count,
    ranUntil: ended,
  };
  scope.trace?.phase('queue', asked, started);
  scope.trace?.phase('run', started, ended);
  return result;
}

/**
 * Refuses work at once while the queue is full, before its body is read.
 * @throws ServeError `overloaded`.
 */
export function refuseWhenFull({ engine, config }: ServerContext): RequestHandler {
  return (_request, _response, next) => {
    if (engine.pending().rows < config.queueLimit) return next();
    throw new ServeError('overloaded', 'the queue is full; try again later', 1);
  };
}
