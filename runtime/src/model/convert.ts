import type { OutputMeaning } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';
import { batchOptions, conditionsFor, defaultSeed, givenLabels, outputOf, rows } from './arguments.ts';
import type { ConditionOptions, RunnableModel, Samples } from './contract.ts';

/** Codes of examples [n, ...shape]. @throws UserError when the model has none or the request makes no sense. */
export async function encodeExamples(
  model: RunnableModel,
  data: HostTensor,
  options: ConditionOptions = {},
): Promise<HostTensor> {
  return (await convert(model, 'encode', { data }, 'latent', options)).tensor;
}

/** Examples from codes [n, ...shape]. @throws UserError when the model has none or the request makes no sense. */
export async function decodeLatents(
  model: RunnableModel,
  latent: HostTensor,
  options: ConditionOptions = {},
): Promise<Samples> {
  const { outputs, tensor: data } = await convert(model, 'decode', { latent }, 'data', options);
  return { seed: options.seed ?? defaultSeed, outputs, data };
}

/**
 * Examples [n, ...shape] through the model's code and back: by its program `reconstruct`, else by `encode` and
 * `decode`.
 * @throws UserError when the model has none of them or the request makes no sense.
 */
export async function reconstructExamples(
  model: RunnableModel,
  data: HostTensor,
  options: ConditionOptions = {},
): Promise<HostTensor> {
  if (Object.hasOwn(model.manifest.programs, 'reconstruct')) {
    return (await convert(model, 'reconstruct', { data }, 'data', options)).tensor;
  }
  const latent = await encodeExamples(model, data, options);
  return (await decodeLatents(model, latent, options)).data;
}

/** Runs a program on examples or codes and picks its output of one meaning. */
async function convert(
  model: RunnableModel,
  program: string,
  source: { readonly data: HostTensor } | { readonly latent: HostTensor },
  meaning: OutputMeaning,
  options: ConditionOptions,
): Promise<{ readonly outputs: Record<string, HostTensor>; readonly tensor: HostTensor }> {
  const { seed = defaultSeed, firstIndex = 0, label, conditions, scalars } = options;
  const count = rows('data' in source ? source.data : source.latent);
  const labels = givenLabels(model, program, label, count);
  const sources = {
    ...source,
    seed,
    firstIndex,
    count,
    ...labels,
    ...conditionsFor(conditions, count),
    ...(scalars && { scalars }),
  };
  const outputs = await model.run(program, sources, batchOptions(options));
  return { outputs, tensor: outputOf(model, program, outputs, meaning) };
}
