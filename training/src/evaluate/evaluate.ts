import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type DeviceRequest, UserError } from '@generatrix/runtime';
import { canRender, renderSamples } from '@generatrix/runtime/media';
import type { Dataset } from '../data/index.ts';
import { closestNames } from '../errors/closest-names.ts';
import { checkWritable, makeFolder, writeFileAtomic } from '../files/atomic.ts';
import { plottingCode } from '../report/self-contained-page.ts';
import { type DiagnosticEntry, diagnostics, type Reported } from './catalogue.ts';
import { CompiledFunctions } from './compiled-functions.ts';
import { isSkipped } from './diagnostic.ts';
import { Evaluation, type EvaluationRequest, firstOf } from './evaluation.ts';
import { renderEvaluation } from './evaluation-page.ts';
import type { SampleSource } from './sample-source.ts';

/** Diagnostics by their names. @throws UserError naming what there is for a name that is none. */
export function diagnosticsNamed(names: readonly string[]): DiagnosticEntry[] {
  const known = diagnostics.map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) {
    throw new UserError(
      `--metrics: there is no '${wrong}', expected some of ${closestNames(wrong, known).join(', ')}`,
    );
  }
  return diagnostics.filter(({ name }) => names.includes(name));
}

/** @throws UserError when the model's examples are not of the data's kind, shape or range. */
export function checkSameKind({ spec, name }: SampleSource, data: Dataset): void {
  const describe = (given: Dataset['spec']) =>
    `${given.kind} of shape ${given.shape.join('x')}${'range' in given ? ` in [${given.range.join(', ')}]` : ''}`;
  if (describe(spec) === describe(data.spec)) return;
  throw new UserError(
    `--data ${data.name}: model ${name} makes ${describe(spec)}, this data has ${describe(data.spec)}`,
  );
}

/**
 * Runs diagnostics one after another.
 * @param options where the classifiers are trained, and `onReport`, which is called as each is done
 * @throws UserError when the model and the data do not fit, or a sample is not finite.
 */
export async function evaluate(
  request: EvaluationRequest,
  chosen: readonly DiagnosticEntry[],
  options: { readonly device?: DeviceRequest; readonly onReport?: (reported: Reported) => void } = {},
): Promise<{ evaluation: Evaluation; reported: Reported[]; seconds: number }> {
  checkSameKind(request.source, request.train);
  const started = performance.now();
  const compiled = await CompiledFunctions.open(options.device ?? 'cpu');
  try {
    const evaluation = await Evaluation.open(request, compiled);
    const reported: Reported[] = [];
    for (const entry of chosen) {
      const begun = performance.now();
      const outcome = await entry.run(evaluation);
      reported.push({ entry, outcome, seconds: (performance.now() - begun) / 1000 });
      options.onReport?.(reported.at(-1)!);
    }
    return { evaluation, reported, seconds: (performance.now() - started) / 1000 };
  } finally {
    await compiled.release();
  }
}

/** What `evaluation.json` holds: findings first, then every diagnostic's figures. */
export async function evaluationJson(
  evaluation: Evaluation,
  reported: readonly Reported[],
  seconds: number,
): Promise<object> {
  const { source, train, setApart, test, count, seed } = evaluation.request;
  return {
    model: source.name,
    data: train.name,
    comparedWith: evaluation.comparedWith,
    samples: count,
    realExamples: evaluation.pairs,
    trainingExamples: train.size,
    examplesSetApart: setApart.size,
    testExamples: test.size,
    seed,
    binarised: evaluation.isBinarised,
    roundedToBytes: await evaluation.isRounded(),
    seconds,
    findings: Object.fromEntries(
      reported.flatMap(({ entry, outcome }) => (isSkipped(outcome) ? [] : [[entry.name, outcome.finding]])),
    ),
    skipped: Object.fromEntries(
      reported.flatMap(({ entry, outcome }) => (isSkipped(outcome) ? [[entry.name, outcome.skipped]] : [])),
    ),
    diagnostics: Object.fromEntries(
      reported.flatMap(({ entry, outcome, seconds }) =>
        isSkipped(outcome)
          ? []
          : [[entry.name, { source: entry.source, seconds, ...outcome.figures, notes: outcome.notes ?? [] }]],
      ),
    ),
  };
}

/** Samples and real examples that the page shows. */
const shown = { image: 64, points: 2000, audio: 0 };

/**
 * Finds out, before anything is computed, whether an evaluation can go to a folder.
 * @throws UserError when the system refuses, or an `evaluation.json` stands there that no evaluation wrote.
 */
export async function checkEvaluationFolder(folder: string): Promise<void> {
  let around = resolve(folder);
  while (!existsSync(around) && dirname(around) !== around) around = dirname(around);
  await checkWritable(around, folder);
  const path = join(folder, 'evaluation.json');
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null && !existsSync(join(folder, 'evaluation.html'))) return;
  if (text !== null && isEvaluation(text)) return;
  throw new UserError(
    `${folder}: holds an evaluation.json or evaluation.html that no evaluation wrote; choose another --out`,
  );
}

function isEvaluation(text: string): boolean {
  try {
    const { findings, diagnostics } = JSON.parse(text) as Record<string, unknown>;
    return typeof findings === 'object' && typeof diagnostics === 'object';
  } catch {
    return false;
  }
}

/** Writes `evaluation.json` and `evaluation.html` into the folder, created where missing. */
export async function writeEvaluation(
  folder: string,
  evaluation: Evaluation,
  reported: readonly Reported[],
  seconds: number,
): Promise<void> {
  await makeFolder(folder);
  const json = await evaluationJson(evaluation, reported, seconds);
  await writeFileAtomic(join(folder, 'evaluation.json'), `${JSON.stringify(json, null, 2)}\n`);
  const pictures: { caption: string; png: Uint8Array }[] = [];
  const { spec } = evaluation;
  if (canRender(spec) && spec.kind !== 'audio') {
    for (const [caption, { data }] of [
      ['Samples', await evaluation.samples()],
      ['Real examples', await evaluation.real()],
    ] as const) {
      const { bytes } = await renderSamples(firstOf(data, shown[spec.kind]), spec, { scale: 2 });
      pictures.push({ caption, png: bytes });
    }
  }
  const page = renderEvaluation(
    { evaluation, rounded: await evaluation.isRounded(), reported, seconds, pictures },
    await plottingCode(),
  );
  await writeFileAtomic(join(folder, 'evaluation.html'), page);
}
