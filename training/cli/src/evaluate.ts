import {
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
  isSkipped,
  publishedModeSamples,
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
import { type Command, Option } from 'commander';
import { addDataFlags, addDatasetOptionFlags, drawOption, labelsOption, wholeNumber } from './flags.ts';
import { modelDataRequest } from './model-data.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';

interface EvaluateFlags extends CheckpointFlag {
  readonly data?: string;
  readonly metrics?: string;
  readonly count?: string;
  readonly seed: string;
  readonly dataSeed?: string;
  readonly againstTrain?: boolean;
  readonly labels: LabelDistribution;
  readonly draw: DrawKind;
  readonly out: string;
  readonly cache?: string;
  readonly classifier: ClassifierEffort;
  readonly device: DeviceRequest;
}

/** Samples drawn when none are asked for, at most; as many as there are real examples otherwise. */
const defaultCount = 10_000;

/** `generatrix evaluate MODEL`: what is wrong with a model's samples, and what is not. */
export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('judge the samples of a trained model against data: a JSON file and a page with findings')
    .argument('<model>', 'folder of a bundle or of a run');
  addDataFlags(addCheckpointFlag(command), 'that of the training run')
    .option('--metrics <list>', `some of ${diagnostics.map(({ name }) => name).join(',')} (default: all)`)
    .option(
      '--count <n>',
      `samples to draw (default: as many as there are real examples, at most ${defaultCount}; ${publishedModeSamples} for the coverage of modes)`,
    )
    .option('--seed <n>', 'seed of the samples and of all that is random in the evaluation', '42')
    .option('--data-seed <n>', 'seed of a drawn data set (default: that of the training run)')
    .addOption(labelsOption('as in the training data').default('data'))
    .addOption(drawOption('sample').default('sample'))
    .option('--against-train', 'compare with the training examples instead of those of the validation part')
    .option('--out <folder>', 'where evaluation.json and evaluation.html go', 'evaluation')
    .option(
      '--cache <folder>',
      "where the data set's classifier is kept (default: cache in the --out folder)",
    )
    .addOption(
      new Option('--classifier <effort>', 'how much is spent on training classifiers')
        .choices(['full', 'quick'])
        .default('full'),
    )
    .addOption(
      new Option('--device <name>', 'where to sample')
        .choices(['auto', 'cpu', 'cuda', 'webgpu'])
        .default('auto'),
    )
    .action(runEvaluation);
  addDatasetOptionFlags(command);
}

async function runEvaluation(model: string, flags: EvaluateFlags): Promise<void> {
  const chosen =
    flags.metrics === undefined
      ? diagnostics
      : diagnosticsNamed(flags.metrics.split(',').map((name) => name.trim()));
  const seed = wholeNumber('--seed')(flags.seed);
  const count = flags.count === undefined ? null : wholeNumber('--count', 20)(flags.count);
  const { sampler, close } = await openModel(model, flags);
  try {
    const { manifest } = sampler;
    if (samplingProgram(manifest.programs) === undefined) {
      throw new UserError(
        `bundle ${model}: model ${manifest.name} has no program 'sample' or a chain, so there are no samples to judge`,
      );
    }
    const runFolder = (await hasRun(model)) ? model : null;
    await checkEvaluationFolder(flags.out);
    const train = await loadDataset(await modelDataRequest(manifest, flags, model, 'train'));
    const frequencies = flags.labels === 'data' ? classFrequencies(train) : undefined;
    const source = samplerSource(sampler, {
      draw: flags.draw,
      ...(frequencies === undefined ? {} : { classFrequencies: frequencies }),
    });
    checkSameKind(source, train);
    const [validation, test] = await Promise.all(
      (['validation', 'test'] as const).map(async (split) =>
        loadDataset(await modelDataRequest(manifest, flags, model, split)),
      ),
    );
    checkPartsAgree(train, validation!, test!);
    const setApart = partSetApart(validation!, test!);
    console.error(describeDatasets([train, validation!, test!]));
    if (runFolder !== null && flags.data === undefined) {
      const { fingerprints } = await readRun(runFolder);
      const change = dataChange(fingerprints, await fingerprintsOf(train, validation!));
      if (change !== null)
        console.error(`${runFolder}: the data is not what the run was trained on: ${change}`);
    }
    const against = flags.againstTrain === true ? train : setApart;
    const request = {
      source,
      train,
      setApart,
      test: test!,
      count: count ?? Math.max(20, Math.min(defaultCount, against.size)),
      ...(count === null ? {} : { modeSamples: count }),
      seed,
      againstTrain: flags.againstTrain === true,
      cacheFolder: flags.cache ?? `${flags.out}/cache`,
      effort: flags.classifier,
      runFolder,
    };
    if (against.size < 20) {
      throw new UserError(
        `--data ${train.name}: expected at least 20 examples to compare with, found ${against.size}`,
      );
    }
    console.log(
      `${manifest.name} against ${train.name} (${against.split}, ${against.size} examples): ` +
        `${request.count} samples, seed ${seed}, on ${sampler.device}`,
    );
    if (setApart.split === 'test') {
      console.log(
        `the validation part has only ${validation!.size} examples: the ${test!.size} of the test part are set apart instead`,
      );
    }
    const { evaluation, reported, seconds } = await evaluate(request, chosen, { onReport: printReport });
    await writeEvaluation(flags.out, evaluation, reported, seconds);
    console.log(
      `wrote ${flags.out}/evaluation.json and ${flags.out}/evaluation.html after ${seconds.toFixed(0)} s`,
    );
  } finally {
    await close();
  }
}

/** Examples of the validation part from which it is used even where the test part has more. */
const enough = 1000;

/** The examples that real and generated ones are compared with: the validation part, or the test part where that is too small. */
function partSetApart(validation: Dataset, test: Dataset): Dataset {
  return validation.size >= Math.min(enough, test.size) ? validation : test;
}

function printReport({ entry, outcome, seconds }: Reported): void {
  const verdict = isSkipped(outcome) ? 'left out' : outcome.finding.verdict;
  const text = isSkipped(outcome) ? outcome.skipped : outcome.finding.text;
  console.log(`${`${entry.name}:`.padEnd(18)}${verdict.padEnd(9)}${text} (${seconds.toFixed(1)} s)`);
}
