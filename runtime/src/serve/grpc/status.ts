import { Metadata, type ServerErrorResponse, status } from '@grpc/grpc-js';
import { toHttpError } from '../http/http-error.ts';

/** Codes of gRPC for what HTTP says by a status. */
const codes: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  408: status.DEADLINE_EXCEEDED,
  409: status.FAILED_PRECONDITION,
  413: status.RESOURCE_EXHAUSTED,
  429: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  501: status.UNIMPLEMENTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

export interface CallFailure extends Pick<ServerErrorResponse, 'code' | 'details'> {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
  /** For metrics. */
  readonly reason: string;
}

/** What a call ends with that failed: the same one line that REST would give, and when another attempt is worth it. */
export function failureOf(error: unknown): CallFailure {
  const { status: http, message, headers, reason } = toHttpError(error);
  const metadata = new Metadata();
  const seconds = headers['Retry-After'];
  // Clients that retry by themselves wait as long as this says.
  if (seconds !== undefined) metadata.set('grpc-retry-pushback-ms', String(Number(seconds) * 1000));
  return { code: codes[http] ?? status.INTERNAL, details: message, metadata, reason };
}

/** The name of a code, for logs and metrics. */
export function codeName(code: status): string {
  return status[code] ?? String(code);
}
