import type { DType } from '@generatrix/runtime/core';

/** An input or output as clients of the server see it: [batch, ...dims]. */
export interface TritonPort {
  readonly name: string;
  readonly dtype: DType;
  /** Shape of one row as clients send it; at least one dimension. */
  readonly dims: readonly number[];
  /** Shape of one row in the ONNX program, where it is another. */
  readonly reshape?: readonly number[];
}

export interface TritonModel {
  readonly name: string;
  readonly inputs: readonly TritonPort[];
  readonly outputs: readonly TritonPort[];
  readonly maxBatchSize: number;
  /** How long a request may wait for others to share its batch, microseconds; null: never put together. */
  readonly maxQueueDelay: number | null;
  /** Said at the head of the file. */
  readonly comment: string;
}

const dataTypes: Record<DType, string> = { float32: 'TYPE_FP32', int32: 'TYPE_INT32', bool: 'TYPE_BOOL' };

/**
 * A model's `config.pbtxt` for Triton Inference Server with its ONNX Runtime backend: the message ModelConfig of
 * Triton's model_config.proto as protobuf text.
 */
export function tritonConfig(model: TritonModel): string {
  return [
    ...model.comment.split('\n').map((line) => `# ${line}`),
    `name: ${quoted(model.name)}`,
    'backend: "onnxruntime"',
    `max_batch_size: ${model.maxBatchSize}`,
    ...model.inputs.map((port) => portText('input', port)),
    ...model.outputs.map((port) => portText('output', port)),
    ...batching(model),
    'version_policy { latest { num_versions: 1 } }',
    '',
  ].join('\n');
}

function batching({ maxBatchSize, maxQueueDelay }: TritonModel): string[] {
  if (maxQueueDelay === null) return [];
  return [
    'dynamic_batching {',
    `  preferred_batch_size: [ ${maxBatchSize} ]`,
    `  max_queue_delay_microseconds: ${maxQueueDelay}`,
    '}',
  ];
}

function portText(kind: 'input' | 'output', { name, dtype, dims, reshape }: TritonPort): string {
  return [
    `${kind} [`,
    '  {',
    `    name: ${quoted(name)}`,
    `    data_type: ${dataTypes[dtype]}`,
    `    dims: [ ${dims.join(', ')} ]`,
    ...(reshape === undefined ? [] : [`    reshape { shape: [ ${reshape.join(', ')} ] }`]),
    '  }',
    ']',
  ].join('\n');
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
