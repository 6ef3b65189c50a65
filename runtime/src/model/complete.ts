import { UserError } from '../errors.ts';
import { randomSeed } from '../noise/noise.ts';
import { batchOptions, drawScalar, givenLabels, nameOf, outputOf, rows, scalarsOnly } from './arguments.ts';
import { chainSteps } from './chain-length.ts';
import { completeProgram, completionOf } from './completion-of.ts';
import type { CompleteRequest, ModelView, RunnableModel, Samples } from './contract.ts';
import { checkScalars } from './inputs.ts';

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

/**
 * Keeps the beginning of each example and draws the rest given it.
 * @throws UserError when the model cannot complete or the request makes no sense.
 */
export async function completeExamples(model: RunnableModel, request: CompleteRequest): Promise<Samples> {
  const { data, seed = randomSeed(), firstIndex = 0, label, stepsPerRun, onSteps, ...others } = request;
  const { batchSize: _, signal: __, onBatch: ___, ...rest } = others;
  const scalars = checkCompletion(model, rest);
  const count = rows(data);
  const labels = givenLabels(model, completeProgram, label, count);
  const { chain } = model.program(completeProgram);
  const sources = { data, seed, firstIndex, count, ...labels, scalars };
  const drawn = async () => {
    if (chain === undefined) return model.run(completeProgram, sources, batchOptions(request));
    const { runChain } = await import('./chain.ts');
    return runChain(model, completeProgram, sources, { ...batchOptions(request), stepsPerRun, onSteps });
  };
  const outputs = await drawn();
  return { seed, outputs, data: outputOf(model, completeProgram, outputs, 'data') };
}
