/** What went wrong with a request, in the words that a protocol maps to its status codes. */
export type ServeErrorKind =
  | 'bad-request'
  | 'not-found'
  | 'overloaded'
  | 'timeout'
  | 'unavailable'
  | 'cancelled'
  | 'internal';

/** Why a request was not answered. Its message is one clear line, fit for the client. */
export class ServeError extends Error {
  override readonly name = 'ServeError';
  readonly kind: ServeErrorKind;
  /** When another attempt is worth it, whole seconds from 1; `overloaded` has it, others may. */
  readonly retryAfterSeconds?: number;

  constructor(kind: ServeErrorKind, message: string, retryAfterSeconds?: number) {
    super(message);
    this.kind = kind;
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }
}
