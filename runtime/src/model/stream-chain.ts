import { UserError } from '../errors.ts';
import { randomSeed } from '../noise/noise.ts';
import { streamProgram } from './abilities.ts';
import { conditionsFor, drawScalar, labelsFor, nameOf, outputOf, scalarsOnly } from './arguments.ts';
import { checkCount } from './batches.ts';
import { chainRuns } from './chain.ts';
import { chainSteps } from './chain-length.ts';
import type { RunnableModel, StreamPart, StreamRequest } from './contract.ts';

/** Parts of a stream when the steps of one are not said. */
const fewestParts = 100;

/**
 * The samples of a chain while they are drawn: each part is what they are after some steps more, whole, and the last is
 * what `sample` gives, to the bit. `outputs` has what else the program returns of them, such as `predicted`.
 * @throws UserError when the request makes no sense (at the first part).
 */
export async function* streamChain(
  model: RunnableModel,
  request: StreamRequest,
): AsyncGenerator<StreamPart, void, undefined> {
  const { count, seed = randomSeed(), firstIndex = 0, given, draw, stepsPerRun, ...others } = request;
  const { label, labels: distribution, batchSize, signal, onBatch: _, conditions, ...rest } = others;
  if (given !== undefined)
    throw new UserError(`model ${nameOf(model)} draws its samples whole: it continues no examples`);
  checkCount('count', count);
  const entry = model.program(streamProgram);
  const { programs } = model.manifest;
  const sources = {
    ...{ seed, firstIndex, count },
    ...labelsFor(model, streamProgram, { label, labels: distribution, seed, firstIndex, count }),
    ...conditionsFor(conditions, count),
    scalars: {
      ...scalarsOnly(rest),
      ...drawScalar({ name: nameOf(model), programs }, streamProgram, entry.inputs, draw),
    },
  };
  const steps = chainSteps(streamProgram, entry, sources);
  const perRun = stepsPerRun ?? Math.min(entry.chain!.stepsPerCall, Math.ceil(steps / fewestParts));
  const chunks = Math.ceil(steps / perRun);
  const options = { stepsPerRun: perRun, ...(batchSize && { batchSize }), ...(signal && { signal }) };
  let index = 0;
  for await (const { outputs } of chainRuns(model, streamProgram, sources, options)) {
    const data = outputOf(model, streamProgram, outputs, 'data');
    const more = Object.entries(outputs).filter(
      ([name, tensor]) => tensor !== data && entry.outputs[name]?.meaning !== 'carry',
    );
    yield { seed, index, chunks, start: 0, data, soFar: data, outputs: Object.fromEntries(more) };
    index++;
  }
}
