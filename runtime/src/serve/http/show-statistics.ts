import { z } from 'zod';
import type { ServedModel } from '../engine/engine.ts';
import type { ServerContext } from './context.ts';
import type { ProgramStatistics } from './statistics.ts';

const figures = z.object({
  requests: z.int(),
  failures: z.int(),
  rows: z.int().describe('That ran for requests that were answered'),
  runs: z.int().describe('Of programs; requests share them'),
  queue_seconds: z.number(),
  compute_seconds: z.number(),
  serialise_seconds: z.number().describe('From the end of the run until the answer was sent'),
  cache_hits: z.int().describe('Answered without a run'),
  cache_misses: z.int(),
  last_answer: z.string().nullable(),
});

/** What `GET /stats` says. */
export const shownStatisticsSchema = z.object({
  since: z.string(),
  models: z.array(
    figures.extend({
      name: z.string(),
      version: z.string(),
      programs: z
        .record(
          z.string(),
          figures.extend({ loaded: z.int().describe('Workers that have it compiled, as it was asked for') }),
        )
        .describe('What was refused before its program was known counts for the model alone'),
    }),
  ),
});

/** What requests to each model that is served came to since the server started. */
export function showStatistics({
  engine,
  statistics,
}: Pick<ServerContext, 'engine' | 'statistics'>): z.output<typeof shownStatisticsSchema> {
  const loaded = engine.loaded();
  const workersWith = ({ name, version }: ServedModel, program: string) =>
    loaded.find((one) => one.model === name && one.version === version && one.program === program)?.workers;
  return {
    since: statistics.since.toISOString(),
    models: engine.models().map((model) => ({
      name: model.name,
      version: model.version,
      ...figuresOf(statistics.read(model)),
      programs: Object.fromEntries(
        Object.keys(model.manifest.programs).map((program) => [
          program,
          { ...figuresOf(statistics.read(model, program)), loaded: workersWith(model, program) ?? 0 },
        ]),
      ),
    })),
  };
}

function figuresOf(found: ProgramStatistics): z.output<typeof figures> {
  const { success, fail, queue, compute, serialise, cacheHit, cacheMiss, rows, runs, lastMs } = found;
  return {
    requests: success.count + fail.count,
    failures: fail.count,
    rows,
    runs: [...runs.values()].reduce((sum, { count }) => sum + count, 0),
    queue_seconds: queue.ms / 1000,
    compute_seconds: compute.ms / 1000,
    serialise_seconds: serialise.ms / 1000,
    cache_hits: cacheHit.count,
    cache_misses: cacheMiss.count,
    last_answer: lastMs === 0 ? null : new Date(lastMs).toISOString(),
  };
}
