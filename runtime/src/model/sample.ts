import { randomSeed } from '../noise/noise.ts';
import { batchOptions, drawScalar, labelsFor, nameOf, outputOf, scalarsOnly } from './arguments.ts';
import { checkCount } from './batches.ts';
import type { RunnableModel, SampleRequest, Samples } from './contract.ts';

/**
 * Draws samples. Their noise is keyed by the seed and each sample's index.
 * @throws UserError when the model does not have the program or the request makes no sense.
 */
export async function drawSamples(model: RunnableModel, request: SampleRequest): Promise<Samples> {
  const { count, seed = randomSeed(), firstIndex = 0, program = 'sample', ...others } = request;
  const { label, labels: distribution, draw, batchSize: _, signal: __, onBatch: ___, ...rest } = others;
  checkCount('count', count);
  const labels = labelsFor(model, program, { label, labels: distribution, seed, firstIndex, count });
  const { programs } = model.manifest;
  const { inputs } = model.program(program);
  const scalars = {
    ...scalarsOnly(rest),
    ...drawScalar({ name: nameOf(model), programs }, program, inputs, draw),
  };
  const sources = { seed, firstIndex, count, ...labels, scalars };
  const outputs = await model.run(program, sources, batchOptions(request));
  return { seed, outputs, data: outputOf(model, program, outputs, 'data') };
}
