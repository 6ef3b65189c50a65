/** What a worker's watchdog holds it to. */
export interface Guard {
  /** The server's process: without it a worker has nobody to work for. */
  readonly parent: number;
  /** Memory that the whole process may take, bytes. */
  readonly memoryBytes: number;
}

/** What ends a worker that takes more: a signal of its own, so that the server can say why. Node leaves it alone. */
export const memorySignal = 'SIGUSR2';
