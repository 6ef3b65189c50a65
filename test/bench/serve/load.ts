/** What came of the requests of one load. */
export interface LoadResult {
  /** Milliseconds from when each request was due until its answer had arrived, sorted. */
  readonly latencies: readonly number[];
  readonly answered: number;
  /** Refused with 429. */
  readonly refused: number;
  /** Anything else: how many by status or error. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
}

/** Sends a request; resolves to the answer's status when all of it has arrived. */
export type Send = () => Promise<number>;

/**
 * Requests at a constant rate, whether or not earlier ones were answered; latency counts from when a request was due,
 * so that a server that stalls is not spared the requests that it kept from being sent (no coordinated omission).
 */
export async function openLoop(send: Send, perSecond: number, seconds: number): Promise<LoadResult> {
  const latencies: number[] = [];
  let refused = 0;
  const failures: Record<string, number> = {};
  const fail = (reason: string) => {
    failures[reason] = (failures[reason] ?? 0) + 1;
  };
  const open = new Set<Promise<void>>();
  const started = performance.now();
  const total = Math.floor(perSecond * seconds);
  for (let sent = 0; sent < total; ) {
    const due = started + (1000 * sent) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      continue;
    }
    sent++;
    const request = send()
      .then((status) => {
        if (status === 200) latencies.push(performance.now() - due);
        else if (status === 429) refused++;
        else fail(`status ${status}`);
      })
      .catch((error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
      .finally(() => open.delete(request));
    open.add(request);
  }
  await Promise.all(open);
  const took = (performance.now() - started) / 1000;
  return {
    latencies: latencies.toSorted((a, b) => a - b),
    answered: latencies.length,
    refused,
    failures,
    seconds: took,
  };
}

/**
 * Clients that each send the next request when the last was answered.
 * @throws when one is not answered with 200: a closed loop asks for no more than the server can take.
 */
export async function closedLoop(send: Send, clients: number, seconds: number): Promise<LoadResult> {
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + 1000 * seconds;
  const client = async () => {
    while (performance.now() < end) {
      const sent = performance.now();
      const status = await send();
      if (status !== 200) throw new Error(`a request was answered with status ${status}`);
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return {
    latencies: latencies.toSorted((a, b) => a - b),
    answered: latencies.length,
    refused: 0,
    failures: {},
    seconds: (performance.now() - started) / 1000,
  };
}

/** The value that a share of the sorted values does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
