import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  type BundleFormat,
  type BundleRequest,
  type ExportedProgram,
  type NamedTensors,
  ParityError,
  type PortableOptions,
  packBundle,
  tf,
} from '@generatrix/export';
import {
  type DataSpec,
  fillNoise,
  type HostTensor,
  hostTensor,
  samplingProgram,
  sizeOf,
  UserError,
} from '@generatrix/runtime/core';
import { canRender, renderSamples } from '@generatrix/runtime/media';
import { toTensor } from '../engine/tfjs-engine.ts';
import { familyOf } from '../families/family-plugin.ts';
import { familyDescription } from '../model/family.ts';
import type { Model } from '../model/model.ts';
import { signaturesOf } from '../model/signatures.ts';
import type { CheckpointChoice } from '../record/best-checkpoint.ts';
import type { CheckpointMeta } from '../record/checkpoint.ts';
import { readMetrics } from '../record/metrics.ts';
import { readRun } from '../record/run-folder.ts';
import { type TrainableOptions, trainingFiles } from './trainable.ts';
import { checkExportFolder, loadTrained, writeFolder } from './trained-model.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** Examples in the reference run that a bundle carries, fewer where they are large: eager tfjs is slow. */
const referenceBatch = 4;
const referenceValues = 10_000;
const sampleSeed = 42;
const sampleCount = 64;

/** What may be replaced by an export, which checkpoint goes into it, and in what forms. */
export interface ExportOptions {
  readonly overwrite?: boolean;
  readonly checkpoint?: CheckpointChoice | undefined;
  /** A form for other runtimes, in which the programs are written besides. */
  readonly portable?: PortableOptions | undefined;
  /** Told of the programs as they are checked, once that takes seconds; nobody when absent. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Milliseconds of checks in which nothing is told: most programs are checked by then. */
const patience = 3000;

/** Tells of programs that are checked after others took their time. */
function patiently(tell: (line: string) => void): BundleRequest['onProgram'] {
  const begun = performance.now();
  return (name, index, of) => {
    if (index > 0 && performance.now() - begun > patience)
      tell(`checking the exported programs against tfjs: ${name}, ${index + 1} of ${of}`);
  };
}

/** What became of an export. */
export interface ExportedRun {
  /** Largest difference between onnxruntime and tfjs over all programs, relative to the outputs' scale. */
  readonly maxRelativeError: number;
  /** Steps of the checkpoint that was exported. */
  readonly step: number;
  /** What chose the checkpoint, where it is the best of its run. */
  readonly score: CheckpointMeta['score'];
}

/**
 * Exports a checkpoint of a run as a bundle. The folder appears whole or not at all; it appears, too, when a
 * program is found to compute something else in onnxruntime than in tfjs, and the manifest says so.
 * @param options `overwrite` replaces a bundle that stands there, and nothing else; `checkpoint` says which, when absent the
 *   best of a run that was trained with `--keep best`, else the last
 * @throws UserError when the folder may not be replaced, the run has no such checkpoint, or the programs do not agree.
 */
export async function exportRun(
  run: string,
  out: string,
  formats: readonly BundleFormat[],
  engine: string,
  trainable: TrainableOptions | null = null,
  { overwrite = false, checkpoint: choice, portable, onProgress }: ExportOptions = {},
): Promise<ExportedRun> {
  const replace = { overwrite, inputs: [run] };
  await checkExportFolder(out, replace);
  const trainedModel = await loadTrained(run, choice);
  const { settings, data, model, options, state: trained, step, checkpoint, score } = trainedModel;
  await tf.setBackend('cpu');
  const state = Object.fromEntries(Object.entries(trained).map(([name, x]) => [name, toTensor(x)]));
  const metrics = await lastMetrics(join(run, 'metrics.jsonl'), step);
  const training =
    trainable === null
      ? null
      : await trainingFiles(
          model,
          settings,
          data.spec.shape,
          { state: trained, step },
          trainable,
          (await readRun(run)).fingerprints,
        );
  const request: BundleRequest = {
    about: {
      name: `${settings.family}-${settings.data.name}`,
      family: settings.family,
      options: jsonOnly(options),
      description: familyDescription(await familyOf(settings)),
      data: {
        ...data.spec,
        name: settings.data.name,
        classNames: [...data.classNames],
        ...(data.classFrequencies === undefined ? {} : { classFrequencies: data.classFrequencies }),
      },
      provenance: {
        seed: settings.seed,
        dataset: settings.data.name,
        steps: step,
        checkpoint: {
          kept: typeof checkpoint === 'number' ? 'step' : checkpoint,
          ...(score === undefined ? {} : { score }),
        },
        engine,
        metrics: {
          ...metrics,
          ...(model.freeParameters === undefined ? {} : { freeParameters: model.freeParameters }),
        },
        generatrixVersion: version,
      },
    },
    programs: bindState(model, state),
    weights: state,
    formats,
    onWarning: (line) => console.warn(line),
    ...(onProgress && { onProgram: patiently(onProgress) }),
    examples: referenceExamples(data.spec),
    ...samplePicture(model, data.spec),
    ...(training === null ? {} : { training }),
    ...(portable === undefined ? {} : { portable }),
  };
  const files = await packBundle(request)
    .catch(async (error: unknown) => {
      if (!(error instanceof ParityError)) throw error;
      await writeFolder(out, error.files, replace);
      throw new UserError(
        `${error.message}; ${out} is written all the same, do not rely on it: generatrix parity ${out} shows every output`,
      );
    })
    .finally(() => tf.dispose(state));
  await writeFolder(out, files, replace);
  const manifest = JSON.parse(new TextDecoder().decode(files['model.json'])) as {
    parity: { programs: Record<string, { maxRelativeError: number }> };
  };
  const errors = Object.values(manifest.parity.programs).map(({ maxRelativeError }) => maxRelativeError);
  return { maxRelativeError: Math.max(...errors), step, score };
}

/** The model's programs with the weights bound, as the exporter takes them. */
export function bindState(model: Model, state: NamedTensors): Record<string, ExportedProgram> {
  return Object.fromEntries(
    Object.entries(model.programs).map(([name, program]) => [
      name,
      {
        signature: program.signature,
        run: (inputs: NamedTensors) => program.run(state, inputs),
        ...(program.forced !== undefined && {
          forced: (inputs: NamedTensors, drawn: tf.Tensor) => program.forced!(state, inputs, drawn),
        }),
      },
    ]),
  );
}

/** Values in the data's range that exercise the programs; no example of the data set leaves with a bundle. */
export function referenceExamples(spec: DataSpec, wanted?: number): HostTensor {
  const [low, high] = 'range' in spec ? spec.range : [-1, 1];
  const shape = [...spec.shape];
  const few = Math.max(1, Math.min(referenceBatch, Math.floor(referenceValues / sizeOf(shape))));
  const count = wanted ?? few;
  const uniform = fillNoise({
    distribution: 'uniform',
    seed: sampleSeed,
    stream: 'reference/data',
    firstIndex: 0,
    count,
    shape,
  });
  const values = uniform.map((u) => low + (high - low) * u);
  return hostTensor('float32', [count, ...shape], values);
}

/** The picture or sound of samples that a bundle carries, for data that can be shown. */
function samplePicture(model: Model, spec: DataSpec): { sample?: BundleRequest['sample'] & object } {
  const signatures = signaturesOf(model);
  const program = samplingProgram(signatures);
  if (program === undefined || !canRender(spec)) return {};
  // Without the data set there is nothing to give.
  if (Object.values(signatures[program]!.inputs).some(({ role }) => role === 'condition')) return {};
  const count = spec.kind === 'points' ? 500 : spec.kind === 'audio' ? 4 : sampleCount;
  const render = async (samples: HostTensor) => {
    const { extension, bytes } = await renderSamples(samples, spec);
    return { file: `sample.${extension}`, bytes };
  };
  return { sample: { seed: sampleSeed, count, render } };
}

/** The last value of each metric that was reported up to a step. */
async function lastMetrics(path: string, until: number): Promise<Record<string, number>> {
  const last: Record<string, number> = {};
  for (const { step, metrics } of await readMetrics(path)) if (step <= until) Object.assign(last, metrics);
  // JSON has no NaN and no infinity; a manifest with null in their place could not be read.
  return Object.fromEntries(Object.entries(last).filter(([, value]) => Number.isFinite(value)));
}

/** Options as they survive JSON: what is absent is left out. */
function jsonOnly(options: Record<string, unknown>): Record<string, never> {
  return JSON.parse(JSON.stringify(options)) as Record<string, never>;
}
