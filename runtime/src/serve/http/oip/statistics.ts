import { z } from 'zod';
import type { ServerContext } from '../context.ts';
import type { Duration } from '../statistics.ts';
import { type ProtocolModel, protocolModel, protocolNames } from './names.ts';

const duration = z.object({ count: z.int(), ns: z.int() });
const batch = { compute_input: duration, compute_infer: duration, compute_output: duration };

/** The answer of the statistics extension, as Triton's protocol has it (extension_statistics.md). */
export const statisticsSchema = z.object({
  model_stats: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      last_inference: z.int().describe('Milliseconds since 1970; 0 for none'),
      inference_count: z.int().describe('Rows'),
      execution_count: z.int().describe('Runs, which requests share'),
      inference_stats: z.object({
        success: duration,
        fail: duration,
        queue: duration,
        ...batch,
        cache_hit: duration,
        cache_miss: duration,
      }),
      batch_stats: z.array(z.object({ batch_size: z.int(), ...batch })),
    }),
  ),
});

type StatisticsAnswer = z.output<typeof statisticsSchema>;

/**
 * Statistics of a program, or of all that are served. Tensors are read as requests are, which is not timed by itself:
 * `compute_input` is 0. What of the memory a model takes is not known.
 * @param name in the protocol; all when absent
 * @throws ServeError `not-found`.
 */
export function modelStatistics(
  context: Pick<ServerContext, 'engine' | 'statistics'>,
  name?: string,
  version?: string,
): StatisticsAnswer {
  const { engine } = context;
  const asked = name === undefined ? everything(context) : [protocolModel(engine, name, version)];
  return { model_stats: asked.map((target) => statisticsOf(context, target)) };
}

function everything({
  engine,
}: Pick<ServerContext, 'engine'>): Pick<ProtocolModel, 'name' | 'model' | 'program'>[] {
  return engine.models().flatMap((model) =>
    protocolNames(model).map((name) => {
      const program = name === model.name ? 'sample' : name.slice(model.name.length + 1);
      return { name, model, program };
    }),
  );
}

function statisticsOf(
  { statistics }: Pick<ServerContext, 'statistics'>,
  { name, model, program }: Pick<ProtocolModel, 'name' | 'model' | 'program'>,
): StatisticsAnswer['model_stats'][number] {
  const found = statistics.read(model, program);
  const runs = [...found.runs].sort(([a], [b]) => a - b);
  return {
    name,
    version: model.version,
    last_inference: found.lastMs,
    inference_count: found.rows,
    execution_count: runs.reduce((sum, [, { count }]) => sum + count, 0),
    inference_stats: {
      success: inNs(found.success),
      fail: inNs(found.fail),
      queue: inNs(found.queue),
      compute_input: none,
      compute_infer: inNs(found.compute),
      compute_output: inNs(found.serialise),
      cache_hit: inNs(found.cacheHit),
      cache_miss: inNs(found.cacheMiss),
    },
    batch_stats: runs.map(([rows, run]) => ({
      batch_size: rows,
      compute_input: none,
      compute_infer: inNs(run),
      compute_output: none,
    })),
  };
}

const none = { count: 0, ns: 0 };

function inNs({ count, ms }: Duration): { count: number; ns: number } {
  return { count, ns: Math.round(ms * 1e6) };
}
