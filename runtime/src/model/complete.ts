import { UserError } from '../errors.ts';
import { randomSeed, type Seed } from '../noise/noise.ts';
import type { HostTensor } from '../program/tensor.ts';
import {
  batchOptions,
  conditionsFor,
  drawScalar,
  givenLabels,
  nameOf,
  outputOf,
  rows,
  scalarsOnly,
} from './arguments.ts';
import { chainSteps } from './chain-length.ts';
import { completeProgram, completionOf, heldCarry } from './completion-of.ts';
import type { CompleteRequest, ModelView, RunnableModel, Samples } from './contract.ts';
import { checkScalars, type InputSources } from './inputs.ts';

/**
 * What can be told of a completion before there are examples.
 * @returns the scalars of the program
 * @throws UserError when the model cannot complete, or for what is known, a scalar or a draw that makes no sense.
 */
export function checkCompletion(
  model: Pick<ModelView, 'name' | 'manifest'>,
  { known, draw, ...scalars }: Pick<CompleteRequest, 'known' | 'draw'> & Readonly<Record<string, unknown>>,
): Record<string, number> {
  const { unit, most } = completionOf(model);
  if (!Number.isSafeInteger(known) || known < 0 || known > most) {
    throw new UserError(`complete: known: expected 0 to ${most} ${unit}, got ${String(known)}`);
  }
  const { programs } = model.manifest;
  const entry = programs[completeProgram]!;
  const all = {
    ...scalarsOnly(scalars),
    ...drawScalar({ name: nameOf(model), programs }, completeProgram, entry.inputs, draw),
    [unit]: known,
  };
  if (entry.chain === undefined) checkScalars(completeProgram, entry.inputs, all);
  else chainSteps(completeProgram, entry, { scalars: all });
  return all;
}

/** What a completion of these examples is made from: what is known, the noise, the classes. */
export function completionSources(
  model: RunnableModel,
  { data, seed, firstIndex = 0, label, held, ...scalars }: CompletionAsked,
): InputSources {
  const count = rows(data);
  return {
    ...{ data, seed, firstIndex, count },
    ...givenLabels(model, completeProgram, label, count),
    ...(held && { carries: heldCarries(model, held, count) }),
    scalars: checkCompletion(model, scalars),
  };
}

/** Of a request, with scalars by their names. */
type CompletionAsked = Pick<CompleteRequest, 'data' | 'known' | 'held' | 'firstIndex' | 'label' | 'draw'> & {
  readonly seed: Seed;
} & Readonly<Record<string, unknown>>;

/** The mask as the chain begins with it. @throws UserError when the model holds no pixels one by one. */
function heldCarries(model: RunnableModel, held: HostTensor, count: number): InputSources['carries'] {
  if (model.program(completeProgram).inputs[heldCarry]?.role !== 'carry') {
    throw new UserError(
      `complete: held: model ${nameOf(model)} (${model.manifest.family}) keeps the beginning of an example alone; leave held out`,
    );
  }
  return conditionsFor({ [heldCarry]: held }, count).conditions;
}

/**
 * Keeps the beginning of each example and draws the rest given it.
 * @throws UserError when the model cannot complete or the request makes no sense.
 */
export async function completeExamples(model: RunnableModel, request: CompleteRequest): Promise<Samples> {
  const { seed = randomSeed(), stepsPerRun, onSteps, ...others } = request;
  const { batchSize: _, signal: __, onBatch: ___, ...asked } = others;
  // Before the examples are looked at: whether anything can be completed.
  completionOf(model);
  const sources = completionSources(model, { ...asked, seed });
  const drawn = async () => {
    if (model.program(completeProgram).chain === undefined)
      return model.run(completeProgram, sources, batchOptions(request));
    const { runChain } = await import('./chain.ts');
    return runChain(model, completeProgram, sources, { ...batchOptions(request), stepsPerRun, onSteps });
  };
  const outputs = await drawn();
  return { seed, outputs, data: outputOf(model, completeProgram, outputs, 'data') };
}
