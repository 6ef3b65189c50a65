import type { DataSpec, HostTensor, Manifest } from '@generatrix/runtime';

/** What a bundle says of an imported model. */
export interface ImportAbout {
  readonly name: string;
  /** What the model was read from, for the manifest. */
  readonly source: string;
  readonly classNames: readonly string[];
  readonly generatrixVersion: string;
}

/** Draws the picture or sound of samples of a bundle; absent for what cannot be shown. */
export type RenderSamples = (
  samples: HostTensor,
  spec: DataSpec,
) => Promise<{ readonly file: string; readonly bytes: Uint8Array }>;

/** Samples in the picture of a bundle, by the kind of data. */
export const pictured = { image: 64, audio: 4, points: 500 } as const;
export const pictureSeed = 42;

/** The manifest's account of a model that was trained elsewhere. */
export function importedAbout(
  { name, source, classNames, generatrixVersion }: ImportAbout,
  data: DataSpec,
): Pick<Manifest, 'name' | 'family' | 'options' | 'data' | 'provenance'> {
  return {
    name,
    family: 'imported',
    options: { importedFrom: source },
    data: { ...data, name: 'unknown data', classNames: [...classNames] },
    provenance: {
      seed: 0,
      dataset: 'unknown data',
      steps: 0,
      engine: 'imported',
      metrics: {},
      generatrixVersion,
    },
  };
}
