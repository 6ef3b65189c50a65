import type { HostTensor, ProgramSignature } from '@generatrix/runtime/core';
import type { BundleFiles } from '../bundle/pack.ts';
import { type ExportedProgram, traceExported } from '../bundle/program.ts';
import { writeOnnx } from '../onnx/write.ts';
import { type TritonPort, tritonConfig } from './config.ts';
import { rowScalars } from './row-scalars.ts';

export interface TritonRequest {
  /** Prefix of the models' names: program `sample` of `vae` becomes the model `vae_sample`. */
  readonly name: string;
  readonly programs: Readonly<Record<string, ExportedProgram>>;
  /** Examples of the data's shape, at least three, to try the programs with. */
  readonly examples: HostTensor;
  /** Rows of the largest batch, 64 when absent. */
  readonly maxBatchSize?: number;
  /** How long a request waits for others, microseconds, 2000 when absent. */
  readonly maxQueueDelay?: number;
}

/**
 * A model repository for Triton Inference Server, by paths: for each program a model `NAME_PROGRAM` with
 * `config.pbtxt` and `1/model.onnx`. Every input is a tensor of rows: noise is sent by the client, labels and scalars
 * are [rows, 1].
 * @throws when a program cannot be traced or written.
 */
export async function tritonRepository(request: TritonRequest): Promise<BundleFiles> {
  const { name, programs, examples, maxBatchSize = 64, maxQueueDelay = 2000 } = request;
  const files: BundleFiles = {};
  for (const [key, given] of Object.entries(programs)) {
    const model = `${name}_${key}`;
    const { program, independent } = await rowScalars(key, given, examples);
    const config = tritonConfig({
      name: model,
      inputs: ports(program.signature.inputs),
      outputs: ports(program.signature.outputs),
      maxBatchSize,
      maxQueueDelay: independent ? maxQueueDelay : null,
      comment: independent
        ? `Program ${key} of ${name}.`
        : `Program ${key} of ${name}. Its scalars hold for a whole batch (those of the first row count),\n` +
          'so requests are not put together.',
    });
    files[`${model}/config.pbtxt`] = new TextEncoder().encode(config);
    files[`${model}/1/model.onnx`] = writeOnnx(traceExported(key, program), { name: model });
  }
  return files;
}

/** Triton knows no rows without dimensions: those are declared [1] and reshaped. */
function ports(specs: ProgramSignature['inputs'] | ProgramSignature['outputs']): TritonPort[] {
  return Object.entries(specs).map(([name, { dtype, shape }]) =>
    shape.length === 0 ? { name, dtype, dims: [1], reshape: [] } : { name, dtype, dims: shape },
  );
}
