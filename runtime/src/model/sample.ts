import { randomSeed } from '../noise/noise.ts';
import { samplingProgram } from './abilities.ts';
import { batchOptions, drawScalar, labelsFor, nameOf, outputOf, scalarsOnly } from './arguments.ts';
import { checkCount } from './batches.ts';
import { runChain } from './chain.ts';
import type { RunnableModel, SampleRequest, Samples } from './contract.ts';

/**
 * Draws samples. Their noise is keyed by the seed and each sample's index.
 * @throws UserError when the model does not have the program or the request makes no sense.
 */
export async function drawSamples(model: RunnableModel, request: SampleRequest): Promise<Samples> {
  const { programs } = model.manifest;
  const { count, seed = randomSeed(), firstIndex = 0, program: asked = 'sample', ...others } = request;
  const program = asked === 'sample' ? (samplingProgram(programs) ?? asked) : asked;
  const { label, labels: distribution, draw, stepsPerRun, ...options } = others;
  const { batchSize: _, signal: __, onBatch: ___, ...rest } = options;
  checkCount('count', count);
  const labels = labelsFor(model, program, { label, labels: distribution, seed, firstIndex, count });
  const { inputs, chain } = model.program(program);
  const scalars = {
    ...scalarsOnly(rest),
    ...drawScalar({ name: nameOf(model), programs }, program, inputs, draw),
  };
  const sources = { seed, firstIndex, count, ...labels, scalars };
  const outputs =
    chain === undefined
      ? await model.run(program, sources, batchOptions(request))
      : await runChain(model, program, sources, { ...batchOptions(request), stepsPerRun });
  return { seed, outputs, data: outputOf(model, program, outputs, 'data') };
}
