import type { MessageInitShape } from '@bufbuild/protobuf';
import type { modelStatistics } from '../http/oip/statistics.ts';
import type { ModelStatisticsSchema, StatisticDurationSchema } from './inference_pb.ts';

type Found = ReturnType<typeof modelStatistics>['model_stats'][number];

/** The statistics of a model as gRPC has them: the same figures, whole numbers of 64 bits. */
export function statisticsMessage(found: Found): MessageInitShape<typeof ModelStatisticsSchema> {
  const { inference_stats: stats, batch_stats: batches } = found;
  return {
    name: found.name,
    version: found.version,
    lastInference: BigInt(found.last_inference),
    inferenceCount: BigInt(found.inference_count),
    executionCount: BigInt(found.execution_count),
    inferenceStats: {
      success: duration(stats.success),
      fail: duration(stats.fail),
      queue: duration(stats.queue),
      computeInput: duration(stats.compute_input),
      computeInfer: duration(stats.compute_infer),
      computeOutput: duration(stats.compute_output),
      cacheHit: duration(stats.cache_hit),
      cacheMiss: duration(stats.cache_miss),
    },
    batchStats: batches.map((batch) => ({
      batchSize: BigInt(batch.batch_size),
      computeInput: duration(batch.compute_input),
      computeInfer: duration(batch.compute_infer),
      computeOutput: duration(batch.compute_output),
    })),
  };
}

function duration({
  count,
  ns,
}: {
  count: number;
  ns: number;
}): MessageInitShape<typeof StatisticDurationSchema> {
  return { count: BigInt(count), ns: BigInt(ns) };
}
