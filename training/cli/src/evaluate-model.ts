import type { Sampler } from '@generatrix/runtime';
import {
  chainLength,
  type DeviceRequest,
  type DrawKind,
  type LabelDistribution,
  samplingProgram,
  UserError,
} from '@generatrix/runtime/core';
import {
  type ClassifierEffort,
  checkEvaluationFolder,
  checkSameKind,
  diagnostics,
  diagnosticsNamed,
  evaluate,
  evaluationJson,
  type Reported,
  samplerSource,
  writeEvaluation,
} from '@generatrix/training';
import {
  checkPartsAgree,
  classFrequencies,
  type Dataset,
  describeDatasets,
  loadDataset,
} from '@generatrix/training/data';
import { dataChange, fingerprintsOf, hasRun, readRun } from '@generatrix/training/record';
import { modelDataRequest } from './model-data.ts';
import { openModel } from './open-model.ts';

/** How a model is judged. */
export interface EvaluationOptions {
  /** Names of diagnostics; all when absent. */
  readonly metrics?: readonly string[] | undefined;
  /** Samples to draw; as many as there are real examples, at most 10,000, when absent. */
  readonly count?: number | undefined;
  /** Seed of the samples and of all that is random in the evaluation; 42 when absent. */
  readonly seed?: number | undefined;
  /** Numbers of steps whose samples are compared, for models that draw in any number of steps. */
  readonly steps?: readonly number[] | undefined;
  /** Classes of samples without a label; as in the training data when absent. */
  readonly labels?: LabelDistribution | undefined;
  /** Draws from the model's distribution, when absent, or means given the code. */
  readonly draw?: DrawKind | undefined;
  /** Compares with the training examples instead of those of the validation part. */
  readonly againstTrain?: boolean | undefined;
  /** Where evaluation.json and evaluation.html go. */
  readonly out: string;
  /** Where the data set's classifier is kept; `cache` in `out` when absent. */
  readonly cache?: string | undefined;
  /** What is spent on training classifiers; `full` when absent. */
  readonly classifier?: ClassifierEffort | undefined;
  readonly device?: DeviceRequest | undefined;
  /** Of a run: best, last or the steps done. */
  readonly checkpoint?: string | undefined;
  /** The flags of data as the command takes them: `data`, `dataSeed`, `dataDir`, ... */
  readonly dataFlags?: Readonly<Record<string, unknown>> & {
    readonly data?: string;
    readonly dataSeed?: string;
  };
  readonly onReport?: ((reported: Reported) => void) | undefined;
  /** Takes lines: `log` results, `error` what happens meanwhile. */
  readonly output?: Pick<Console, 'log' | 'error'> | undefined;
}

/** Samples drawn when none are asked for, at most; as many as there are real examples otherwise. */
export const defaultCount = 10_000;
const silent = { log: () => {}, error: () => {} };

/**
 * Judges a model's samples and writes what is found.
 * @param model folder of a bundle or of a run
 * @returns what evaluation.json holds
 * @throws UserError when the model has no samples, the data does not fit, or the folder cannot be written.
 */
export async function evaluateModel(model: string, options: EvaluationOptions): Promise<object> {
  const {
    out,
    seed = 42,
    count,
    output = silent,
    dataFlags = {},
    labels = 'data',
    draw = 'sample',
  } = options;
  const chosen = options.metrics === undefined ? diagnostics : diagnosticsNamed(options.metrics);
  const { sampler, close } = await openModel(model, {
    device: options.device ?? 'auto',
    ...(options.checkpoint !== undefined && { checkpoint: options.checkpoint }),
  });
  try {
    const { manifest } = sampler;
    if (samplingProgram(manifest.programs) === undefined) {
      throw new UserError(
        `bundle ${model}: model ${manifest.name} has no program 'sample' or a chain, so there are no samples to judge`,
      );
    }
    checkSteps(sampler, options.steps);
    const runFolder = (await hasRun(model)) ? model : null;
    await checkEvaluationFolder(out);
    const train = await loadDataset(await modelDataRequest(manifest, dataFlags, model, 'train'));
    const frequencies = labels === 'data' ? classFrequencies(train) : undefined;
    const source = samplerSource(sampler, {
      draw,
      ...(frequencies === undefined ? {} : { classFrequencies: frequencies }),
    });
    checkSameKind(source, train);
    const [validation, test] = await Promise.all(
      (['validation', 'test'] as const).map(async (split) =>
        loadDataset(await modelDataRequest(manifest, dataFlags, model, split)),
      ),
    );
    checkPartsAgree(train, validation!, test!);
    const setApart = partSetApart(validation!, test!);
    output.error(describeDatasets([train, validation!, test!]));
    if (runFolder !== null && dataFlags.data === undefined) {
      const { fingerprints } = await readRun(runFolder);
      const change = dataChange(fingerprints, await fingerprintsOf(train, validation!));
      if (change !== null)
        output.error(`${runFolder}: the data is not what the run was trained on: ${change}`);
    }
    const against = options.againstTrain === true ? train : setApart;
    const request = {
      source,
      train,
      setApart,
      test: test!,
      count: count ?? Math.max(20, Math.min(defaultCount, against.size)),
      ...(count === undefined ? {} : { modeSamples: count }),
      ...(options.steps && { steps: [...new Set(options.steps)].sort((a, b) => a - b) }),
      seed,
      againstTrain: options.againstTrain === true,
      cacheFolder: options.cache ?? `${out}/cache`,
      effort: options.classifier ?? ('full' as const),
      runFolder,
    };
    if (against.size < 20) {
      throw new UserError(
        `--data ${train.name}: expected at least 20 examples to compare with, found ${against.size}`,
      );
    }
    output.log(
      `${manifest.name} against ${train.name} (${against.split}, ${against.size} examples): ` +
        `${request.count} samples, seed ${seed}, on ${sampler.device}`,
    );
    if (setApart.split === 'test') {
      output.log(
        `the validation part has only ${validation!.size} examples: the ${test!.size} of the test part are set apart instead`,
      );
    }
    const { evaluation, reported, seconds } = await evaluate(
      request,
      chosen,
      options.onReport === undefined ? {} : { onReport: options.onReport },
    );
    await writeEvaluation(out, evaluation, reported, seconds);
    output.log(`wrote ${out}/evaluation.json and ${out}/evaluation.html after ${seconds.toFixed(0)} s`);
    return await evaluationJson(evaluation, reported, seconds);
  } finally {
    await close();
  }
}

/** @throws UserError for steps that the model does not draw in, before anything is drawn. */
function checkSteps({ manifest: { name, programs } }: Sampler, steps: readonly number[] = []): void {
  const spec = programs[samplingProgram(programs)!]!.inputs[chainLength];
  if (steps.length === 0) return;
  if (spec?.role !== 'scalar')
    throw new UserError(`--steps: ${name} does not draw in a number of steps of choice; leave it out`);
  const { min = 1, max = Number.MAX_SAFE_INTEGER } = spec;
  const wrong = steps.find((number) => number < min || number > max);
  if (wrong !== undefined)
    throw new UserError(`--steps: ${name} draws in ${min} to ${max} steps, not ${wrong}`);
}

/** Examples of the validation part from which it is used even where the test part has more. */
const enough = 1000;

/** The examples that real and generated ones are compared with: the validation part, or the test part where that is too small. */
function partSetApart(validation: Dataset, test: Dataset): Dataset {
  return validation.size >= Math.min(enough, test.size) ? validation : test;
}
