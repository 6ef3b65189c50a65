import { randomSeed } from '../noise/noise.ts';
import { samplingProgram } from './abilities.ts';
import {
  batchOptions,
  conditionsFor,
  drawScalar,
  labelsFor,
  nameOf,
  outputOf,
  scalarsOnly,
} from './arguments.ts';
import { checkCount } from './batches.ts';
import type { RunnableModel, SampleRequest, Samples } from './contract.ts';

/**
 * Draws samples. Their noise is keyed by the seed and each sample's index.
 * @throws UserError when the model does not have the program or the request makes no sense.
 */
export async function drawSamples(model: RunnableModel, request: SampleRequest): Promise<Samples> {
  const { programs } = model.manifest;
  const { count, seed = randomSeed(), firstIndex = 0, program: asked = 'sample', ...others } = request;
  const program = asked === 'sample' ? (samplingProgram(programs) ?? asked) : asked;
  const { label, labels: distribution, draw, stepsPerRun, onSteps, conditions, ...options } = others;
  const { batchSize: _, signal: __, onBatch: ___, ...rest } = options;
  checkCount('count', count);
  const labels = labelsFor(model, program, { label, labels: distribution, seed, firstIndex, count });
  const { inputs, chain } = model.program(program);
  const scalars = {
    ...scalarsOnly(rest),
    ...drawScalar({ name: nameOf(model), programs }, program, inputs, draw),
  };
  const sources = { seed, firstIndex, count, ...labels, ...conditionsFor(conditions, count), scalars };
  const drawn = async () => {
    if (chain === undefined) return model.run(program, sources, batchOptions(request));
    // Few models have chains: a page loads this with the first of them.
    const { runChain } = await import('./chain.ts');
    return runChain(model, program, sources, { ...batchOptions(request), stepsPerRun, onSteps });
  };
  const outputs = await drawn();
  return { seed, outputs, data: outputOf(model, program, outputs, 'data') };
}
