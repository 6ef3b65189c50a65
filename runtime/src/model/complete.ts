import { UserError } from '../errors.ts';
import { randomSeed } from '../noise/noise.ts';
import { batchOptions, drawScalar, givenLabels, nameOf, outputOf, rows, scalarsOnly } from './arguments.ts';
import type { CompleteRequest, Completion, ModelView, RunnableModel, Samples } from './contract.ts';

const completeProgram = 'complete';
/** Names of the scalar that says how much is known, by the kind of data. */
const knownNames = ['rows', 'samples'];

/** What a model can complete. @throws UserError when it can complete nothing. */
export function completionOf(model: Pick<ModelView, 'name' | 'manifest'>): Completion {
  const { programs, family, data } = model.manifest;
  const inputs = programs[completeProgram]?.inputs ?? {};
  const unit = knownNames.find((name) => inputs[name]?.role === 'scalar');
  if (unit === undefined) {
    throw new UserError(
      `model ${nameOf(model)} (${family}) cannot complete: it has no program 'complete' that continues an example`,
    );
  }
  return { unit: unit as Completion['unit'], most: data.shape[0]! };
}

/**
 * Keeps the beginning of each example and draws the rest given it.
 * @throws UserError when the model cannot complete or the request makes no sense.
 */
export async function completeExamples(model: RunnableModel, request: CompleteRequest): Promise<Samples> {
  const { data, known, seed = randomSeed(), firstIndex = 0, label, draw, stepsPerRun, ...others } = request;
  const { batchSize: _, signal: __, onBatch: ___, ...rest } = others;
  const { unit, most } = completionOf(model);
  if (!Number.isSafeInteger(known) || known < 0 || known > most) {
    throw new UserError(`complete: known: expected 0 to ${most} ${unit}, got ${String(known)}`);
  }
  const count = rows(data);
  const labels = givenLabels(model, completeProgram, label, count);
  const { inputs, chain } = model.program(completeProgram);
  const { programs } = model.manifest;
  const scalars = {
    ...scalarsOnly(rest),
    ...drawScalar({ name: nameOf(model), programs }, completeProgram, inputs, draw),
    [unit]: known,
  };
  const sources = { data, seed, firstIndex, count, ...labels, scalars };
  const drawn = async () => {
    if (chain === undefined) return model.run(completeProgram, sources, batchOptions(request));
    const { runChain } = await import('./chain.ts');
    return runChain(model, completeProgram, sources, { ...batchOptions(request), stepsPerRun });
  };
  const outputs = await drawn();
  return { seed, outputs, data: outputOf(model, completeProgram, outputs, 'data') };
}
