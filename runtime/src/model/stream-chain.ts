import { UserError } from '../errors.ts';
import { randomSeed } from '../noise/noise.ts';
import { streamProgram } from './abilities.ts';
import { conditionsFor, drawScalar, labelsFor, nameOf, outputOf, scalarsOnly } from './arguments.ts';
import { checkCount } from './batches.ts';
import { chainRuns } from './chain.ts';
import { chainSteps } from './chain-length.ts';
import { completionSources } from './complete.ts';
import { completeProgram } from './completion-of.ts';
import type { RunnableModel, StreamPart, StreamRequest } from './contract.ts';
import type { InputSources } from './inputs.ts';

/** Parts of a stream when the steps of one are not said. */
const fewestParts = 100;

/**
 * The samples of a chain while they are drawn: each part is what they are after some steps more, whole, and the last is
 * what `sample` gives, or `complete` where examples are given, to the bit. `outputs` has what else the program returns of them, such as `predicted`.
 * @throws UserError when the request makes no sense (at the first part).
 */
export async function* streamChain(
  model: RunnableModel,
  request: StreamRequest,
): AsyncGenerator<StreamPart, void, undefined> {
  const { count, seed = randomSeed(), firstIndex = 0, given, draw, stepsPerRun, ...others } = request;
  const { label, labels: distribution, batchSize, signal, onBatch: _, conditions, ...rest } = others;
  checkCount('count', count);
  const { programs } = model.manifest;
  if (given !== undefined && programs[completeProgram]?.chain === undefined)
    throw new UserError(`model ${nameOf(model)} draws its samples whole: it continues no examples`);
  const program = given === undefined ? streamProgram : completeProgram;
  const entry = model.program(program);
  const drawn = (): InputSources => ({
    ...{ seed, firstIndex, count },
    ...labelsFor(model, program, { label, labels: distribution, seed, firstIndex, count }),
    ...conditionsFor(conditions, count),
    scalars: {
      ...scalarsOnly(rest),
      ...drawScalar({ name: nameOf(model), programs }, program, entry.inputs, draw),
    },
  });
  const sources =
    given === undefined
      ? drawn()
      : completionSources(model, { ...rest, ...given, seed, firstIndex, label, draw });
  const steps = chainSteps(program, entry, sources);
  const perRun = stepsPerRun ?? Math.min(entry.chain!.stepsPerCall, Math.ceil(steps / fewestParts));
  const chunks = Math.ceil(steps / perRun);
  const options = { stepsPerRun: perRun, ...(batchSize && { batchSize }), ...(signal && { signal }) };
  let index = 0;
  for await (const { outputs } of chainRuns(model, program, sources, options)) {
    const data = outputOf(model, program, outputs, 'data');
    const more = Object.entries(outputs).filter(
      ([name, tensor]) => tensor !== data && entry.outputs[name]?.meaning !== 'carry',
    );
    yield { seed, index, chunks, start: 0, data, soFar: data, outputs: Object.fromEntries(more) };
    index++;
  }
}
