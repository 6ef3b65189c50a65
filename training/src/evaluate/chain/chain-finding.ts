import { type DataSpec, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import type { Chart } from '../../report/report-charts.ts';
import { type Figures, type Finding, finite, type Outcome, type Skipped, short } from '../diagnostic.ts';
import { type Evaluation, firstOf } from '../evaluation.ts';
import { rowsOf } from '../rows.ts';
import type { SourceChain } from '../sample-source.ts';
import { type ChainStatistics, chainStatistics } from './chain-statistics.ts';
import { type ChainTraces, traceChains } from './chain-traces.ts';
import { principalDirections } from './principal-directions.ts';

const chains = 8;
/** Steps that are followed at most; the chain that a sample is the end of may be longer. */
const mostSteps = 1000;
/** At least, so that what is left of them has statistics. */
const fewestSteps = 16;
/** Part of the steps that is left out at the start (Gelman et al. 2013, section 11.4). */
const warmUpShare = 0.5;
/** R-hat up to which chains are taken to tell of one distribution (Gelman et al. 2013, section 11.5). */
const mixed = 1.1;
/** Real examples that directions are found from. */
const examples = 1000;
const directions = 2;

/** Does the chain that samples are the ends of mix? Several of them, from noise, by scalars of their states. */
export async function chainMixing(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { chain } = evaluation.request.source;
  if (chain === undefined)
    return {
      skipped: 'it needs a model that samples by a Markov chain, exported with the program `transition`',
    };
  const real = firstOf((await evaluation.pool()).data, examples);
  const { spec, seed } = evaluation;
  return chainOutcome(chain, { real, spec, seed });
}

/**
 * What several chains from noise say of the chain.
 * @param about real examples [n, ...shape], whose principal components states are seen along; the kind of data; and the
 *   seed of the chains
 */
export async function chainOutcome(
  chain: SourceChain,
  { real, spec, seed }: { readonly real: HostTensor; readonly spec: DataSpec; readonly seed: number },
): Promise<Outcome> {
  const along = principalDirections(rowsOf(real), directions);
  const steps = Math.max(fewestSteps, Math.min(chain.steps, mostSteps));
  return mixingOutcome(await traceChains(chain, { chains, steps, seed, along }), chain.steps, spec);
}

/** What the traces of chains say. */
async function mixingOutcome(traces: ChainTraces, sampleSteps: number, spec: DataSpec): Promise<Outcome> {
  const { scalars, steps, states } = traces;
  const warmUp = Math.floor(steps * warmUpShare);
  const found = Object.entries(scalars).map(([name, all]) => ({
    name,
    statistics: chainStatistics(all.map((values) => values.subarray(warmUp))),
  }));
  return {
    finding: findingOf(found, steps, sampleSteps),
    figures: {
      ...{ chains: Object.values(scalars)[0]!.length, steps, warmUp, sampleSteps },
      ...Object.fromEntries(found.map(({ name, statistics }) => [name, figuresOf(statistics)])),
    },
    notes: [
      `Chains from noise, ${warmUp} of their ${steps} steps left out. autocorrelationTime is how many steps are worth one independent draw, effectiveSize how many draws all steps together; splitRHat compares the halves of all chains and is 1 where they tell of one distribution. Scalars say nothing of what they do not see: chains that mix by them may still miss modes.`,
    ],
    charts: Object.entries(scalars).map(([name, all]) => chartOf(name, all)),
    pictures: spec.kind === 'image' ? [await picture(states, spec.range)] : [],
  };
}

function figuresOf(statistics: ChainStatistics): Figures {
  return Object.fromEntries(Object.entries(statistics).map(([name, value]) => [name, finite(value)]));
}

function findingOf(
  found: readonly { readonly name: string; readonly statistics: ChainStatistics }[],
  steps: number,
  sampleSteps: number,
): Finding {
  const moving = found.filter(({ statistics }) => !Number.isNaN(statistics.splitRHat));
  if (moving.length === 0)
    return { verdict: 'problem', text: 'Chains do not move: all of their states are the same.' };
  const by = (value: (statistics: ChainStatistics) => number) =>
    moving.reduce((worst, one) => (value(one.statistics) > value(worst.statistics) ? one : worst));
  const apart = by(({ splitRHat }) => splitRHat);
  const slow = by(({ autocorrelationTime }) => autocorrelationTime);
  const hat = `R-hat is at most ${short(apart.statistics.splitRHat)} (${apart.name})`;
  const time = `${short(slow.statistics.autocorrelationTime)} steps are worth one independent draw (${slow.name})`;
  if (!(apart.statistics.splitRHat <= mixed)) {
    return {
      verdict: 'warning',
      text: `Chains of ${steps} steps do not mix: ${hat}; samples, the ends of chains of ${sampleSteps} steps, depend on where these started; ask for more steps.`,
    };
  }
  return {
    verdict: 'ok',
    text: `Chains of ${steps} steps mix, by what is seen of them: ${hat}, and ${time}.`,
  };
}

function chartOf(name: string, all: readonly Float64Array[]): Chart {
  return {
    title: `${name} along the chains`,
    steps: Array.from({ length: all[0]!.length }, (_, step) => step + 1),
    series: all.map((values, chain) => ({ source: `chain ${chain + 1}`, values: Array.from(values) })),
    logarithmic: false,
  };
}

/** Each row a chain, from left to right at steps evenly spread. */
async function picture(
  states: readonly { readonly step: number; readonly data: HostTensor }[],
  range: readonly [number, number],
) {
  const [count, ...shape] = states[0]!.data.shape as [number, ...number[]];
  const width = states[0]!.data.data.length / count;
  const values = new Float32Array(count * states.length * width);
  for (const [column, { data }] of states.entries()) {
    for (let chain = 0; chain < count; chain++) {
      const state = (data.data as Float32Array).subarray(chain * width, (chain + 1) * width);
      values.set(state, (chain * states.length + column) * width);
    }
  }
  const images = hostTensor('float32', [count * states.length, ...shape], values);
  const png = await encodePng(imageGrid(images, { range, columns: states.length, padding: 1, scale: 2 }));
  return { caption: `Each row is a chain, after ${states.map(({ step }) => step).join(', ')} steps`, png };
}
