import { UserError } from '../../errors.ts';
import { ServeError, type ServeErrorKind } from '../engine/engine.ts';

/** Why a request is refused: its status, one clear line for the client, and a word for the metrics. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}, reason = '') {
    super(message);
    this.status = status;
    this.headers = headers;
    this.reason = reason || (reasons[status] ?? 'bad-request');
  }
}

/** What a client that has left would have got; nginx's number, for logs and metrics only. */
export const clientLeft = 499;

const reasons: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  404: 'not-found',
  405: 'method',
  406: 'not-acceptable',
  408: 'slow-request',
  413: 'too-large',
  415: 'media-type',
  429: 'rate-limit',
  431: 'headers-too-large',
  500: 'internal',
};

const statusOf: Readonly<Record<ServeErrorKind, number>> = {
  'bad-request': 400,
  'not-found': 404,
  overloaded: 429,
  timeout: 504,
  unavailable: 503,
  cancelled: clientLeft,
  internal: 500,
};

/** What Express's body reader says, in words for the client. */
const bodyErrors: Readonly<Record<string, string>> = {
  'encoding.unsupported': 'the Content-Encoding is not supported: send gzip, deflate, br or none',
  'request.aborted': 'the request ended before its body was complete',
  'request.size.invalid': 'the body is not as long as Content-Length says',
};

/**
 * Anything thrown while answering, as what the client is told. A defect of the server becomes a 500 that says
 * nothing of its insides; the log has it.
 */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ServeError) {
    const { kind, message, retryAfterSeconds } = error;
    const retry: Record<string, string> =
      retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
    return new HttpError(statusOf[kind], kind === 'internal' ? internal : message, retry, kind);
  }
  if (error instanceof UserError) return new HttpError(400, error.message);
  const { status, type, limit } = error as { status?: unknown; type?: unknown; limit?: unknown };
  if (type === 'entity.too.large') return new HttpError(413, tooLarge(Number(limit)));
  if (typeof type === 'string' && Object.hasOwn(bodyErrors, type)) {
    return new HttpError(Number(status), bodyErrors[type]!);
  }
  if (isZlibError(error)) return new HttpError(400, 'the body is not what its Content-Encoding says');
  if (error instanceof URIError) return new HttpError(400, 'the address has a malformed % escape');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new HttpError(status, 'the request is malformed');
  }
  return new HttpError(500, internal);
}

/** @param limit bytes */
export function tooLarge(limit: number): string {
  return `the body is larger than ${limit} bytes, decompressed`;
}

const internal = 'the server failed to answer; the log says more under this request id';

function isZlibError(error: unknown): boolean {
  return /^(Z_|ERR_BROTLI|ERR__ERROR_FORMAT|ERR_PADDING)/.test(String((error as { code?: unknown }).code));
}
