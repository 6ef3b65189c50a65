import { referenceInputs, tf } from '@generatrix/export';
import { batchPlan, type HostTensor, stepInputs } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import type { Trainer } from '../engine/engine.ts';
import { initialState } from '../engine/initial-state.ts';
import { onnxEngine } from '../engine/onnx-engine.ts';
import { tfjsEngine } from '../engine/tfjs-engine.ts';
import type { Model } from '../model/model.ts';
import { type HostState, ofKind } from '../model/state.ts';
import { firstExamples } from './tiny-data.ts';

/** What a model does not hold to; the message says what was expected and what came. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
}

/** One thing that every model holds to. @throws ConformanceError from `run` when this one does not */
export interface ConformanceCheck {
  readonly title: string;
  run(): Promise<void>;
}

/** On what a model is checked, and how long. */
export interface ConformanceSetting {
  readonly dataset: Dataset;
  readonly batchSize: number;
  /** 3e-3 when absent. */
  readonly learningRate?: number;
  /** Steps of training after which what is reported has gone its way; 60 when absent. */
  readonly steps?: number;
}

const seed = 7;
/** Every training step is a chain of float32 sums in another order; the losses stay this close for 6 steps. */
const lossTolerance = 1e-3;
const comparedSteps = 6;

/** A model's phases as models of their own; the model itself where it has none. */
export function phasesOf(model: Model): readonly { readonly name: string; readonly model: Model }[] {
  if (model.phases === undefined) return [{ name: '', model }];
  return model.phases.map(({ name, step }) => ({ name: `phase ${name}`, model: { ...model, step } }));
}

/** The state that training starts from. */
async function startOf(model: Model, dataset: Dataset): Promise<HostState> {
  const state = initialState(model, seed);
  return (await model.initialise?.(state, dataset, seed)) ?? state;
}

/**
 * What every model, or phase of one, is checked for: that the compiled step and programs compute what the eager ones do,
 * that steps taken together are single steps, that training moves what it should and its way. `open` before the first
 * check, `release` after the last.
 */
export class Conformance {
  readonly #model: Model;
  readonly #setting: Required<ConformanceSetting>;
  readonly #inputsAt: (step: number) => ReturnType<typeof stepInputs>;
  readonly checks: readonly ConformanceCheck[];
  #trainers: { readonly compiled: Trainer; readonly eager: Trainer } | null = null;

  constructor(model: Model, setting: ConformanceSetting) {
    this.#model = model;
    this.#setting = { learningRate: 3e-3, steps: 60, ...setting };
    const { dataset, batchSize, learningRate } = this.#setting;
    const plan = batchPlan(model.batching, dataset.size, batchSize, seed);
    this.#inputsAt = (step) => stepInputs(model, dataset, plan(step), { seed, step, learningRate });
    this.checks = [
      {
        title: 'compiled and eager steps report the same numbers for 6 steps and end in the same state',
        run: () => this.#engines(),
      },
      {
        title: 'steps taken several at once give the state and the numbers of single steps, bit for bit',
        run: () => this.#blocks(),
      },
      {
        title: 'training moves every parameter, and what it reports goes the way that the model says',
        run: () => this.#course(),
      },
      ...Object.keys(model.programs).map((name) => ({
        title: `program ${name} is the same compiled and eager, at batches of 1 and 5`,
        run: () => this.#program(name),
      })),
    ];
  }

  async open(): Promise<void> {
    await tf.setBackend('cpu');
    const { batchSize, dataset } = this.#setting;
    const shapes = { batchSize, dataShape: dataset.spec.shape };
    const compiled = await onnxEngine('cpu').prepare(this.#model, shapes);
    this.#trainers = { compiled, eager: await tfjsEngine(() => {}).prepare(this.#model, shapes) };
  }

  async release(): Promise<void> {
    await this.#trainers?.compiled.release();
    await this.#trainers?.eager.release();
    this.#trainers = null;
  }

  get #open(): { readonly compiled: Trainer; readonly eager: Trainer } {
    if (this.#trainers === null) throw new Error('open() comes before the checks');
    return this.#trainers;
  }

  async #start(): Promise<HostState> {
    return startOf(this.#model, this.#setting.dataset);
  }

  async #engines(): Promise<void> {
    const { compiled, eager } = this.#open;
    for (const trainer of [compiled, eager]) await trainer.setState(await this.#start());
    for (let step = 0; step < comparedSteps; step++) {
      const inputs = await this.#inputsAt(step);
      const [fast, slow] = [await compiled.step(inputs), await eager.step(inputs)];
      for (const [name, value] of Object.entries(slow)) {
        const off = Math.abs(fast[name]! - value) / Math.max(1, Math.abs(value));
        refuseUnless(
          off < lossTolerance,
          `${name} at step ${step}: ${fast[name]} compiled, ${value} in tfjs: expected them within ${lossTolerance}`,
        );
      }
    }
    const [actual, expected] = [await compiled.getState(), await eager.getState()];
    refuseUnless(
      Object.keys(actual).toSorted().join() === Object.keys(expected).toSorted().join(),
      'the compiled state has other tensors than the eager one',
    );
    // Six steps of Adam amplify rounding where a gradient is nearly zero: its sign decides a step of full size.
    for (const [name, tensor] of Object.entries(expected)) refuseDistant(actual[name]!, tensor, name, 2e-2);
  }

  async #blocks(): Promise<void> {
    const { compiled } = this.#open;
    const inputs = await Promise.all([0, 1, 2, 3].map(this.#inputsAt));
    await compiled.setState(await this.#start());
    const single: Record<string, number>[] = [];
    for (const each of inputs) single.push(await compiled.step(each));
    const expected = await compiled.getState();
    await compiled.setState(await this.#start());
    const block = [...(await compiled.steps(inputs.slice(0, 2))), ...(await compiled.steps(inputs.slice(2)))];
    const state = await compiled.getState();
    for (const [i, report] of single.entries())
      for (const [name, value] of Object.entries(report))
        refuseUnless(
          Object.is(block[i]![name], value),
          `${name} at step ${i}: ${block[i]![name]} in a block, ${value} by itself`,
        );
    for (const [name, { data }] of Object.entries(expected))
      refuseUnless(sameBits(state[name]!.data, data), `'${name}' differs after steps taken together`);
  }

  async #course(): Promise<void> {
    const { compiled } = this.#open;
    const before = await this.#start();
    await compiled.setState(before);
    const reports: Record<string, number>[] = [];
    for (let step = 0; step < this.#setting.steps; step++)
      reports.push(await compiled.step(await this.#inputsAt(step)));
    const model = this.#model;
    // What comes from the data is never changed, and slots of a sweep are empty again when an epoch has just ended.
    const kinds = model.batching === 'sweep' ? [] : (['slot'] as const);
    const learned = Object.keys(ofKind(model.state, 'parameter', 'statistic', ...kinds));
    const still = unmoved(learned, before, await compiled.getState());
    // A phase moves its own; that all phases together move everything is a check of its own.
    const allowed = model.phases === undefined ? 0 : learned.length - 1;
    refuseUnless(still.length <= allowed, `${this.#setting.steps} steps did not move ${still.join(', ')}`);
    this.#refuseWrongWay(reports);
  }

  #refuseWrongWay(reports: readonly Record<string, number>[]): void {
    const mean = (some: typeof reports, name: string) =>
      some.reduce((sum, report) => sum + report[name]!, 0) / some.length;
    const { metrics, phases } = this.#model;
    const specs = Object.entries({ loss: { direction: 'falls' }, ...metrics });
    const directed = specs.filter(
      ([name, { direction }]) => direction !== 'neither' && (phases === undefined || name in reports[0]!),
    );
    refuseUnless(
      directed.length > 0,
      'nothing that is reported says whether training goes well: see `metrics`',
    );
    for (const [name, { direction }] of directed) {
      refuseUnless(name in reports[0]!, `'${name}' is in the model's metrics, but no step reports it`);
      const [first, last] = [mean(reports.slice(0, 10), name), mean(reports.slice(-10), name)];
      const change = direction === 'falls' ? first - last : last - first;
      refuseUnless(
        change > 0,
        `${name} ${direction} by what the model says: it went from ${first} to ${last} in ${reports.length} steps`,
      );
    }
  }

  async #program(name: string): Promise<void> {
    const { compiled, eager } = this.#open;
    const state = await this.#start();
    await compiled.setState(state);
    await eager.setState(state);
    for (const count of [1, 5]) {
      const { signature } = this.#model.programs[name]!;
      const examples = await firstExamples(this.#setting.dataset, count);
      const inputs = referenceInputs(name, signature, examples, seed);
      const [fast, slow] = [await compiled.run(name, inputs), await eager.run(name, inputs)];
      for (const [output, { dtype, shape }] of Object.entries(signature.outputs)) {
        const given = slow[output];
        const what = `${name}/${output}`;
        refuseUnless(given !== undefined, `${what}: the signature has it, the program does not return it`);
        refuseUnless(
          String(given!.shape) === String([count, ...shape]) && given!.dtype === dtype,
          `${what}: ${given!.dtype} [${given!.shape}], the signature says ${dtype} [${[count, ...shape]}]`,
        );
        refuseDistant(fast[output]!, slow[output]!, what);
      }
    }
  }
}

/**
 * That the phases of a model together move every parameter.
 * @throws ConformanceError naming those that stay
 */
export async function checkPhasesTogether(model: Model, setting: ConformanceSetting): Promise<void> {
  const { dataset, batchSize, learningRate = 3e-3 } = setting;
  const before = await startOf(model, dataset);
  let state = before;
  for (const phase of phasesOf(model)) {
    const shapes = { batchSize, dataShape: dataset.spec.shape };
    const trainer = await onnxEngine('cpu').prepare(phase.model, shapes);
    await trainer.setState(state);
    const plan = batchPlan(model.batching, dataset.size, batchSize, seed);
    for (let step = 0; step < 5; step++)
      await trainer.step(await stepInputs(phase.model, dataset, plan(step), { seed, step, learningRate }));
    state = await trainer.getState();
    await trainer.release();
  }
  const still = unmoved(Object.keys(ofKind(model.state, 'parameter', 'statistic', 'slot')), before, state);
  refuseUnless(still.length === 0, `all phases together did not move ${still.join(', ')}`);
}

function unmoved(names: readonly string[], before: HostState, after: HostState): string[] {
  return names.filter((name) => sameBits(after[name]!.data, before[name]!.data));
}

function sameBits(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.from(a).every((value, i) => Object.is(value, b[i]));
}

/** Equal up to float32 sums in another order, relative to the tensor's largest value. */
function refuseDistant(actual: HostTensor, expected: HostTensor, what: string, tolerance = 1e-4): void {
  refuseUnless(
    String(actual.shape) === String(expected.shape),
    `${what}: shape [${actual.shape}] compiled, [${expected.shape}] in tfjs`,
  );
  const values = Array.from(expected.data);
  const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
  const error = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - actual.data[i]!)), 0);
  refuseUnless(
    error / scale < tolerance,
    `${what}: compiled and eager values differ by ${error / scale} of their scale, expected less than ${tolerance}`,
  );
}

function refuseUnless(holds: boolean, message: string): asserts holds {
  if (!holds) throw new ConformanceError(message);
}
