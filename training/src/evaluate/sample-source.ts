import type { DataSpec, HostTensor, Sampler } from '@generatrix/runtime';
import {
  canWalk,
  chainLength,
  type DrawKind,
  drawLabels,
  meanScalar,
  samplingProgram,
  transitionProgram,
} from '@generatrix/runtime/core';
import { binarises } from './binarisation.ts';

/** Samples of a model, and the classes that they were asked to be of. */
export interface DrawnSamples {
  /** [count, ...shape], in the data set's own range. */
  readonly data: HostTensor;
  /** Class asked for, for each sample; null when the source takes no class. */
  readonly labels: Int32Array | null;
}

/** What an evaluation needs of a model: any sampler can be judged, whatever it is inside. */
export interface SampleSource {
  /** What reports call it. */
  readonly name: string;
  readonly spec: DataSpec;
  /** Does the model score images that noise has turned into 0 and 1? Real examples then are compared likewise. */
  readonly binarises?: boolean;
  /** Samples `firstIndex` to `firstIndex + count - 1` of a seed, and their classes where the source has them. */
  draw(request: { count: number; seed: number; firstIndex?: number }): Promise<DrawnSamples>;
  /** The same in a number of steps of choice; absent when the source draws otherwise. */
  readonly inSteps?: (request: {
    readonly count: number;
    readonly seed: number;
    readonly steps: number;
  }) => Promise<DrawnSamples>;
  /** Exact log-density of examples [n, ...shape], nats; absent when the source has none. */
  readonly logDensity?: (data: HostTensor, labels: Int32Array | null) => Promise<Float32Array>;
  /** The Markov chain that samples are the ends of; absent when the source has none that can be followed. */
  readonly chain?: SourceChain;
  /** Distributions of the codes of examples; absent when the source has none. */
  readonly posterior?: SourcePosterior;
  /** Examples from codes that are standard normal when drawn; absent when the source has no such codes. */
  readonly decoder?: {
    readonly latentShape: readonly number[];
    decode(latent: HostTensor, labels: Int32Array | null): Promise<HostTensor>;
    /** Number of classes that the decoder takes a label of; 0 when it takes none. */
    readonly classes: number;
  };
}

/** Distributions q(z|x) of the codes of examples, and their prior. */
export interface SourcePosterior {
  /** Whether it takes the class of each example. */
  readonly labelled: boolean;
  /**
   * Mean of the code of each example, [n, latent], and how far its distribution is from the prior, [n, latent], or [n, 1]
   * where the prior ties the dimensions, nats. The seed is that of binarisation, and of estimates.
   */
  of(request: {
    readonly data: HostTensor;
    readonly labels: Int32Array | null;
    readonly seed: number;
  }): Promise<{ readonly means: HostTensor; readonly divergences: HostTensor }>;
}

/** A Markov chain on examples. */
export interface SourceChain {
  /** Steps that a sample is the end of. */
  readonly steps: number;
  /** States of `count` chains after each step from the chain's own start, [count, ...shape], without end. */
  walk(request: { count: number; seed: number }): AsyncIterable<HostTensor>;
  /** Free energy of states, nats; absent when the model gives none. */
  readonly energy?: (states: HostTensor) => Promise<ArrayLike<number>>;
}

/** How a model's samples are drawn to be judged. */
export interface SourceOptions {
  /** Draws from the model's distribution (`sample`, when absent), or means given a code where it has them. */
  readonly draw?: DrawKind;
  /** Frequencies that classes are drawn with; when absent, or of another number of classes, they take turns. */
  readonly classFrequencies?: readonly number[];
}

/** Runs of the sampler's programs take this many examples. */
const batchSize = 250;

/**
 * The source that samples from a loaded bundle.
 * @throws UserError (when it draws) when means are asked for and the model has none.
 */
export function samplerSource(
  sampler: Sampler,
  { draw = 'sample', classFrequencies }: SourceOptions = {},
): SampleSource {
  const { name, data, programs } = sampler.manifest;
  const classes = classesOf(sampler, samplingProgram(programs) ?? 'sample');
  const latentShape = decoderShape(sampler);
  const labelsOf = (key: { count: number; seed: number; firstIndex: number }) => {
    if (classes === 0) return null;
    if (classFrequencies?.length === classes) return drawLabels(classFrequencies, key);
    return Int32Array.from({ length: key.count }, (_, i) => (key.firstIndex + i) % classes);
  };
  const drawn = async (key: { count: number; seed: number; firstIndex: number }, scalars = {}) => {
    const labels = labelsOf(key);
    const given = labels === null ? {} : { label: labels };
    return { data: (await sampler.sample({ ...scalars, ...key, batchSize, draw, ...given })).data, labels };
  };
  return {
    name,
    spec: data,
    binarises: binarises(sampler.manifest),
    draw: ({ firstIndex = 0, ...key }) => drawn({ ...key, firstIndex }),
    ...(drawsInSteps(sampler) && {
      inSteps: ({ steps, ...key }) => drawn({ ...key, firstIndex: 0 }, { [chainLength]: steps }),
    }),
    ...('logProb' in programs
      ? {
          logDensity: async (examples, labels) =>
            (
              await sampler.logProb({
                data: examples,
                batchSize,
                ...(labels === null ? {} : { label: labels }),
              })
            ).values,
        }
      : {}),
    ...('divergence' in programs && { posterior: posteriorOf(sampler) }),
    ...(canWalk(sampler) && { chain: chainOf(sampler) }),
    ...(latentShape === null
      ? {}
      : {
          decoder: {
            latentShape,
            classes: classesOf(sampler, 'decode'),
            decode: async (latent, labels) =>
              sampler.decode(latent, { batchSize, ...(labels === null ? {} : { label: labels }) }),
          },
        }),
  };
}

/** Whether samples come of a chain of any length that leads from noise to them: not one that only mixes. */
function drawsInSteps(sampler: Sampler): boolean {
  const { programs } = sampler.manifest;
  const name = samplingProgram(programs);
  return name !== undefined && programs[name]!.inputs[chainLength]?.role === 'scalar' && !canWalk(sampler);
}

function posteriorOf(sampler: Sampler): SourcePosterior {
  return {
    labelled: classesOf(sampler, 'divergence') > 0,
    of: async ({ data, labels, seed }) => {
      const given = labels === null ? {} : { labels };
      const sources = { seed, firstIndex: 0, count: data.shape[0]!, data, ...given };
      const { latent, divergence } = await sampler.run('divergence', sources, { batchSize });
      return { means: latent!, divergences: divergence! };
    },
  };
}

function chainOf(sampler: Sampler): SourceChain {
  const { programs } = sampler.manifest;
  const { inputs, chain } = programs[transitionProgram]!;
  const scalars: Record<string, number> = inputs[meanScalar]?.role === 'scalar' ? { [meanScalar]: 0 } : {};
  const energy = Object.keys(programs).find((name) => 'freeEnergy' in programs[name]!.outputs);
  return {
    steps: chain!.steps,
    walk: async function* (request) {
      for await (const { data } of sampler.walk({ ...request, scalars })) yield data;
    },
    ...(energy !== undefined && {
      energy: async (data) => {
        const sources = { seed: 0, firstIndex: 0, count: data.shape[0]!, data };
        return (await sampler.run(energy, sources, { batchSize })).freeEnergy!.data as Float32Array;
      },
    }),
  };
}

function classesOf({ manifest }: Sampler, program: string): number {
  const inputs = Object.values(manifest.programs[program]?.inputs ?? {});
  const label = inputs.find(({ role }) => role === 'label');
  return label?.role === 'label' ? label.classes : 0;
}

/** Shape of codes, when sampling is decoding the normal noise `z` of the code's shape: the prior is then known. */
function decoderShape({ manifest }: Sampler): readonly number[] | null {
  const latent = Object.values(manifest.programs.decode?.inputs ?? {}).find(({ role }) => role === 'latent');
  if (latent === undefined) return null;
  const prior = manifest.programs.sample?.inputs.z;
  const known =
    prior?.role === 'noise' &&
    prior.distribution === 'normal' &&
    String(prior.shape) === String(latent.shape);
  return known ? latent.shape : null;
}
