import { join } from 'node:path';
import { BareSession } from './bare.ts';
import { closedLoop, openLoop, percentile, type Send } from './load.ts';
import { cpuTime, cpuTimeOfTree } from './processor-time.ts';
import { type Address, type Asked, grpcInfer, restInfer, sampling } from './requests.ts';
import { startServer } from './server-process.ts';

export interface Settings {
  readonly rows: number;
  /** Requests under way at once. */
  readonly clients: number;
  readonly rounds: number;
  /** Of each load in each round, and of each latency. */
  readonly seconds: number;
  /** Of the server; the bare session has one thread. */
  readonly flags: readonly string[];
}

/** One way to ask, over all rounds: medians. */
export interface WayResult {
  readonly way: string;
  readonly rowsPerSecond: number;
  /** Rows a second over those of the bare session in the same round. */
  readonly rate: number;
  /** Processor time of a row in the bare session over that in all processes of the server. */
  readonly processor: number;
  /** Share of one core that the client took. */
  readonly client: number;
  readonly closed: Latency;
  /** At 70 % of the rate above, requests at a constant rate. */
  readonly open: Latency & { readonly lost: number };
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface ModelResult {
  readonly model: string;
  readonly bareRowsPerSecond: number;
  /** Processor time of a row in the bare session, milliseconds. */
  readonly bareRowMs: number;
  readonly ways: readonly WayResult[];
}

/** What is measured of a way in one round. */
interface Round {
  readonly rowsPerSecond: number;
  readonly rate: number;
  readonly processor: number;
  readonly client: number;
}

/** Requests before the first that counts: by then V8 has compiled what they go through. */
const warmUpRequests = 400;
/** The load that latencies are measured at, of the most that clients that wait could get. */
const partLoad = 0.7;

/** Asks a served model in every way, in turn with its bare session, so that what disturbs one disturbs all. */
export async function measureModel(
  models: string,
  model: string,
  { rows, clients, rounds, seconds, flags }: Settings,
): Promise<ModelResult> {
  const bare = await BareSession.start(join(models, model), rows);
  const server = await startServer(models, flags);
  const { ways, close } = waysOf(server, { model, rows });
  try {
    for (const send of ways.values()) await warmUp(send, clients);
    const found = new Map([...ways.keys()].map((way) => [way, [] as Round[]]));
    const bareRates: number[] = [];
    const bareRowMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const alone = await bare.run(seconds);
      const rate = alone.rows / alone.seconds;
      const perRow = alone.processor / alone.rows;
      bareRates.push(rate);
      bareRowMs.push(1000 * perRow);
      for (const [way, send] of ways) {
        const [servers, client] = [cpuTimeOfTree(server.pid), cpuTime(process.pid)];
        const { answered, seconds: took } = await closedLoop(send, clients, seconds);
        const perServedRow = (cpuTimeOfTree(server.pid) - servers) / (rows * answered);
        const rowsPerSecond = (rows * answered) / took;
        found.get(way)!.push({
          rowsPerSecond,
          rate: rowsPerSecond / rate,
          processor: perRow / perServedRow,
          client: (cpuTime(process.pid) - client) / took,
        });
      }
    }
    const results: WayResult[] = [];
    for (const [way, send] of ways) {
      const of = (key: keyof Round) => median(found.get(way)!.map((one) => one[key]));
      const rowsPerSecond = of('rowsPerSecond');
      const closed = await closedLoop(send, clients, seconds);
      const open = await openLoop(send, (partLoad * rowsPerSecond) / rows, 2 * seconds);
      const lost = open.refused + Object.values(open.failures).reduce((sum, count) => sum + count, 0);
      results.push({
        ...{ way, rowsPerSecond, rate: of('rate'), processor: of('processor'), client: of('client') },
        closed: latencyOf(closed.latencies),
        open: { ...latencyOf(open.latencies), lost },
      });
    }
    return { model, bareRowsPerSecond: median(bareRates), bareRowMs: median(bareRowMs), ways: results };
  } finally {
    close();
    bare.stop();
    await server.stop();
  }
}

async function warmUp(send: Send, clients: number): Promise<void> {
  for (let sent = 0; sent < warmUpRequests; sent += clients) {
    await Promise.all(Array.from({ length: clients }, send));
  }
}

function waysOf(server: Address, asked: Asked): { ways: ReadonlyMap<string, Send>; close(): void } {
  const grpc = grpcInfer(server, asked);
  const ways = new Map([
    ['REST, binary', restInfer(server, asked, true)],
    ['REST, JSON', restInfer(server, asked, false)],
    ['samples, JSON', sampling(server, asked)],
    ['gRPC, raw', grpc.send],
  ]);
  return { ways, close: () => grpc.close() };
}

function latencyOf(latencies: readonly number[]): Latency {
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
