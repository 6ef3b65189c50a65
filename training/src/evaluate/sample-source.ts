import type { DataSpec, HostTensor, Sampler } from '@generatrix/runtime';

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
  /** Samples `firstIndex` to `firstIndex + count - 1` of a seed; classes take turns where the source has them. */
  draw(request: { count: number; seed: number; firstIndex?: number }): Promise<DrawnSamples>;
  /** Exact log-density of examples [n, ...shape], nats; absent when the source has none. */
  readonly logDensity?: (data: HostTensor, labels: Int32Array | null) => Promise<Float32Array>;
  /** Examples from codes that are standard normal when drawn; absent when the source has no such codes. */
  readonly decoder?: {
    readonly latentShape: readonly number[];
    decode(latent: HostTensor, labels: Int32Array | null): Promise<HostTensor>;
    /** Number of classes that the decoder takes a label of; 0 when it takes none. */
    readonly classes: number;
  };
}

/** Runs of the sampler's programs take this many examples. */
const batchSize = 250;

/** The source that samples from a loaded bundle. */
export function samplerSource(sampler: Sampler): SampleSource {
  const { name, data, programs } = sampler.manifest;
  const classes = classesOf(sampler, 'sample');
  const latentShape = decoderShape(sampler);
  return {
    name,
    spec: data,
    draw: async ({ count, seed, firstIndex = 0 }) => ({
      data: (await sampler.sample({ count, seed, firstIndex, batchSize })).data,
      labels: classes === 0 ? null : Int32Array.from({ length: count }, (_, i) => (firstIndex + i) % classes),
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

function classesOf({ manifest }: Sampler, program: string): number {
  const inputs = Object.values(manifest.programs[program]?.inputs ?? {});
  const label = inputs.find(({ role }) => role === 'label');
  return label?.role === 'label' ? label.classes : 0;
}

/** Shape of codes, when sampling is decoding one normal noise of the code's shape: the prior is then known. */
function decoderShape({ manifest }: Sampler): readonly number[] | null {
  const latent = Object.values(manifest.programs.decode?.inputs ?? {}).find(({ role }) => role === 'latent');
  if (latent === undefined) return null;
  const noises = Object.values(manifest.programs.sample?.inputs ?? {}).filter(({ role }) => role === 'noise');
  const prior = noises.length === 1 ? noises[0] : undefined;
  const known =
    prior?.role === 'noise' && prior.law === 'normal' && String(prior.shape) === String(latent.shape);
  return known ? latent.shape : null;
}
