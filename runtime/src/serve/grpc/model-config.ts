import type { MessageInitShape } from '@bufbuild/protobuf';
import { drawsParts } from '../../model/abilities.ts';
import type { DType } from '../../program/tensor.ts';
import type { ModelLimits } from '../engine/limits.ts';
import type { ProtocolModel } from '../http/oip/names.ts';
import { DataType, type ModelConfigSchema } from './inference_pb.ts';

const typeOf: Readonly<Record<DType, DataType>> = {
  float32: DataType.TYPE_FP32,
  int32: DataType.TYPE_INT32,
  bool: DataType.TYPE_BOOL,
};

/** How a model is served, in Triton's terms. Dimensions are those of one row. */
export function modelConfig(
  { name, model, program, entry }: ProtocolModel,
  { maxCount, maxWaitMs }: Pick<ModelLimits, 'maxCount' | 'maxWaitMs'>,
): MessageInitShape<typeof ModelConfigSchema> {
  return {
    name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    maxBatchSize: maxCount,
    input: Object.entries(entry.inputs).map(([input, spec]) => ({
      name: input,
      dataType: typeOf[spec.dtype],
      dims: spec.role === 'scalar' ? [1n] : spec.shape.map(BigInt),
      optional: spec.role !== 'data' && spec.role !== 'latent' && spec.role !== 'condition',
    })),
    output: Object.entries(entry.outputs).map(([output, spec]) => ({
      name: output,
      dataType: typeOf[spec.dtype],
      dims: spec.shape.map(BigInt),
    })),
    dynamicBatching: { maxQueueDelayMicroseconds: BigInt(maxWaitMs * 1000) },
    modelTransactionPolicy: { decoupled: program === 'sample' && drawsParts(model) },
  };
}
