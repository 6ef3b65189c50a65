import { type Responder, ServerInterceptingCall, type ServerInterceptingCallInterface } from '@grpc/grpc-js';

export interface SendingLimits {
  /** For an answer, or a part of one, to leave. */
  readonly timeoutMs: () => number;
  /** Called when an answer is not sent by then, with the client's address as `getPeer` says it. */
  readonly late: (peer: string) => void;
}

/** What grpc-js says of the peer of a call whose stream is gone. */
const nobody = 'unknown';

/**
 * A call that knows whether its answers have left: grpc-js keeps what a client does not read for as long as the
 * connection stands, after the call's status and its deadline, too.
 */
export class TimedCall extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface;
  readonly #limits: SendingLimits;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(call: ServerInterceptingCallInterface, responder: Responder, limits: SendingLimits) {
    super(call, responder);
    this.#call = call;
    this.#limits = limits;
  }

  /** Whether answers wait for a client that is still there. */
  get sending(): boolean {
    return this.#waiting > 0 && this.#call.getPeer() !== nobody;
  }

  override sendMessage(message: unknown, callback: () => void): void {
    this.#waiting++;
    this.#timer ??= this.#limit();
    super.sendMessage(message, () => {
      this.#waiting--;
      clearTimeout(this.#timer);
      this.#timer = this.#waiting > 0 ? this.#limit() : undefined;
      callback();
    });
  }

  #limit(): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.sending) this.#limits.late(this.#call.getPeer());
    }, this.#limits.timeoutMs());
  }
}
