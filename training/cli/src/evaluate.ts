import type { DeviceRequest, DrawKind, LabelDistribution } from '@generatrix/runtime/core';
import {
  type ClassifierEffort,
  diagnostics,
  isSkipped,
  publishedModeSamples,
  type Reported,
} from '@generatrix/training';
import { type Command, Option } from 'commander';
import { defaultCount, evaluateModel } from './evaluate-model.ts';
import {
  addDataFlags,
  addDatasetOptionFlags,
  deviceOption,
  drawOption,
  labelsOption,
  wholeNumber,
} from './flags.ts';
import { addCheckpointFlag, type CheckpointFlag } from './open-model.ts';

interface EvaluateFlags extends CheckpointFlag {
  readonly data?: string;
  readonly metrics?: string;
  readonly count?: string;
  readonly steps?: string;
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
    .option(
      '--steps <list>',
      'compare samples of so many steps, such as 1,2,4,8,16 (flowmatching, shortcut, ddpm)',
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
    .addOption(deviceOption('where to sample'))
    .action(runEvaluation);
  addDatasetOptionFlags(command);
}

async function runEvaluation(model: string, flags: EvaluateFlags): Promise<void> {
  const {
    metrics,
    count,
    steps,
    seed,
    checkpoint,
    labels,
    draw,
    againstTrain,
    out,
    cache,
    classifier,
    device,
  } = flags;
  await evaluateModel(model, {
    metrics: metrics?.split(',').map((name) => name.trim()),
    seed: wholeNumber('--seed')(seed),
    steps: steps?.split(',').map(wholeNumber('--steps', 1)),
    count: count === undefined ? undefined : wholeNumber('--count', 20)(count),
    ...{ checkpoint, labels, draw, againstTrain, out, cache, classifier, device },
    dataFlags: { ...flags },
    onReport: printReport,
    output: console,
  });
}

function printReport({ entry, outcome, seconds }: Reported): void {
  const verdict = isSkipped(outcome) ? 'left out' : outcome.finding.verdict;
  const text = isSkipped(outcome) ? outcome.skipped : outcome.finding.text;
  console.log(`${`${entry.name}:`.padEnd(18)}${verdict.padEnd(9)}${text} (${seconds.toFixed(1)} s)`);
}
