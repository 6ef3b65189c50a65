import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineObserver, InferenceEngine } from '../engine/engine.ts';

/** What a request was about, for its metrics; names that clients make up never get here. */
export interface RequestLabels {
  /** A served model's name, `unknown` for one that there is not, `none` where the route has no model. */
  readonly model: string;
  readonly program: string;
}

/** What is kept of answers. */
interface StoredAnswers {
  readonly size: { readonly bytes: number; readonly answers: number };
}

export interface Metrics {
  readonly registry: Registry;
  /** Hang it on the engine. */
  readonly observer: EngineObserver;
  /** Reads the engine's state whenever metrics are scraped. */
  watch(engine: InferenceEngine, cache: StoredAnswers, budget: { readonly used: number }): void;
  /** @param code status of HTTP, or the name of gRPC's */
  answered(labels: RequestLabels, code: number | string, seconds: number): void;
  failed(labels: RequestLabels, reason: string): void;
  /** A seeded request was answered from the cache, had to run, or had its answer already. */
  cached(event: { readonly model: string; readonly result: 'hit' | 'miss' | 'not-modified' }): void;
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** The server's metrics, in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const labelNames = ['model', 'program'] as const;
  const counter = <T extends string>(name: string, help: string, labels: readonly T[]) =>
    new Counter({ name, help, labelNames: labels, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });

  const requests = counter('generatrix_requests_total', 'Requests answered', [...labelNames, 'code']);
  const failures = counter('generatrix_failures_total', 'Requests refused or failed', [
    ...labelNames,
    'reason',
  ]);
  const duration = histogram('generatrix_request_seconds', 'From request to answer', seconds);
  const queue = histogram('generatrix_queue_seconds', 'From arrival until rows ran', seconds);
  const run = histogram('generatrix_run_seconds', 'From first rows ran to the last', seconds);
  const batch = histogram('generatrix_batch_rows', 'Rows of the batches that requests were part of', rows);
  const produced = counter('generatrix_rows_total', 'Rows answered', labelNames);
  const deaths = counter('generatrix_worker_deaths_total', 'Workers that ended and were replaced', []);
  const cached = counter('generatrix_cache_requests_total', 'Seeded requests, by what the cache said', [
    'model',
    'result',
  ]);
  const changes = counter(
    'generatrix_model_changes_total',
    'Bundles loaded, replaced, removed, refused, set aside',
    ['change'],
  );

  return {
    registry,
    observer: {
      started: ({ model, program, batchRows, queueMs }) => {
        queue.observe({ model, program }, queueMs / 1000);
        batch.observe({ model, program }, batchRows);
      },
      finished: ({ model, program, rows: count, runMs }) => {
        run.observe({ model, program }, runMs / 1000);
        produced.inc({ model, program }, count);
      },
      workerDied: () => deaths.inc(),
      modelChanged: ({ change }) => changes.inc({ change }),
    },
    watch: (engine, cache, budget) => {
      watchEngine(engine, cache, registers);
      new Gauge({
        name: 'generatrix_answer_bytes',
        help: 'Memory of the answers under way',
        registers,
        collect() {
          this.set(budget.used);
        },
      });
    },
    answered: ({ model, program }, code, took) => {
      requests.inc({ model, program, code: String(code) });
      if (program !== 'none') duration.observe({ model, program }, took);
    },
    failed: ({ model, program }, reason) => failures.inc({ model, program, reason }),
    cached: (event) => cached.inc(event),
  };
}

function watchEngine(engine: InferenceEngine, cache: StoredAnswers, registers: Registry[]): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('generatrix_pending_requests', 'Accepted and not answered', () => engine.pending().requests);
  gauge('generatrix_pending_rows', 'Rows that wait for a worker', () => engine.pending().rows);
  gauge('generatrix_running_batches', 'Batches in workers', () => engine.pending().running);
  gauge('generatrix_workers_alive', 'Workers that can run', () => engine.pending().workersAlive);
  const loaded = (of: 'workers' | 'bytes') => engine.loaded().reduce((sum, program) => sum + program[of], 0);
  gauge('generatrix_loaded_programs', 'Programs that are compiled, over all workers', () =>
    loaded('workers'),
  );
  gauge('generatrix_loaded_program_bytes', 'What those take, about', () => loaded('bytes'));
  gauge('generatrix_refused_models', 'Bundles found and not served', () => engine.refused().length);
  gauge('generatrix_cache_bytes', 'What stored answers take', () => cache.size.bytes);
  gauge('generatrix_cache_answers', 'Stored answers', () => cache.size.answers);
  gauge('generatrix_ready', '1 when ready', () => Number(engine.ready()));
  new Gauge({
    name: 'generatrix_models',
    help: 'Models served, by version',
    labelNames: ['model', 'version'],
    registers,
    collect() {
      this.reset();
      for (const { name, version } of engine.models()) this.set({ model: name, version }, 1);
    },
  });
}
