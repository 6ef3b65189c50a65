import { type NamedTensors, tf } from '@generatrix/export';
import { type ColumnSpan, columnSpans, rowWidth, type TableColumn } from '@generatrix/runtime/core';
import type { NoiseSpec } from '../../model/model.ts';
import { normalLogProb } from '../../nn/distributions.ts';
import { oneHot } from '../../nn/one-hot.ts';
import type { Likelihood } from './likelihood.ts';

/** No deviation of a place within a mode is less: of whole numbers the likelihood would have no bound. */
const leastStd = 0.01;
/** Logits do not go beyond: their exponentials stay numbers without a look for the largest of each column. */
const mostLogit = 30;
const stdName = 'decoder/logStd';

/**
 * Of rows of a table (TVAE, Xu et al. 2019, arXiv:1907.00503, section 4.5): each column is by itself given the code, a
 * number's mode and a category by softmax, the place a within the mode N(mean, std^2),
 *
 *   log p(x|z) = sum over columns of log softmax(l)_k  +  sum over numbers that are not missing of log N(a; mean, std^2)
 *
 * The mean is not bounded by a tanh as there, nor are places cut to [-1, 1].
 * @param repeated the column that has what the model is told, [rows, choices], and is no part of the likelihood
 */
export function tableLikelihood(columns: readonly TableColumn[], repeated?: ColumnSpan): Likelihood {
  const spans = columnSpans(columns);
  const width = rowWidth(columns);
  const numbers = spans.filter(({ scalar }) => scalar !== undefined);
  const choices = width - numbers.length;
  const free = spans.filter(({ start }) => start !== repeated?.start);
  /** 1 where two values are choices of one column: [width, width]. */
  const sameColumn = () =>
    matrix(width, (row, column) => free.some((span) => isChoice(span, row) && isChoice(span, column)));
  const chosen = () => matrix(1, (_, at) => free.some((span) => isChoice(span, at)), width);
  const places = () => matrix(1, (_, at) => numbers.some(({ scalar }) => scalar === at), width);
  /** From what is missing to the place within the mode that is then none: [width, width]. */
  const gaps = () =>
    matrix(width, (row, column) => numbers.some((span) => span.scalar === column && row === missingAt(span)));
  /** From the learned deviations to the places: [numbers, width]. */
  const spread = () => matrix(numbers.length, (row, column) => numbers[row]!.scalar === column, width);
  const hasGaps = numbers.some((span) => missingAt(span) !== null);
  const bounded = (output: tf.Tensor) => tf.mul(mostLogit, tf.tanh(tf.div(output, mostLogit)));
  const logStd = (state: NamedTensors) => tf.log(tf.add(leastStd, tf.exp(state[stdName]!))); // [numbers]

  const logProbs: Likelihood['logProbs'] = (state, x, output) => {
    const logits = bounded(output);
    // Values that are no choices have a total of 0 there, which the 1 keeps from its logarithm.
    const totals = tf.add(tf.matMul(tf.exp(logits) as tf.Tensor2D, sameColumn()), tf.sub(1, chosen()));
    const choice = tf.mul(tf.mul(x, chosen()), tf.sub(logits, tf.log(totals)));
    if (numbers.length === 0) return choice;
    const stds = tf.matMul(tf.reshape(logStd(state), [1, -1]), spread()); // [1, width]
    const density = tf.mul(places(), normalLogProb(x, output, stds));
    if (!hasGaps) return tf.add(choice, density);
    return tf.add(choice, tf.mul(density, tf.sub(1, tf.matMul(x as tf.Tensor2D, gaps()))));
  };

  /** The columns of a row, one after another: [rows, width]. */
  const joined = (
    output: tf.Tensor,
    told: tf.Tensor | undefined,
    part: (span: ColumnSpan, logits: tf.Tensor2D, place: tf.Tensor2D | null) => tf.Tensor[],
  ) => {
    const of = (at: number, count: number) => tf.slice(output as tf.Tensor2D, [0, at], [-1, count]);
    const logits = bounded(output) as tf.Tensor2D;
    const parts = spans.flatMap((span) => {
      if (span.start === repeated?.start && told !== undefined) return [told];
      const { scalar, start, choices: count } = span;
      return part(
        span,
        tf.slice(logits, [0, start], [-1, count]),
        scalar === undefined ? null : of(scalar, 1),
      );
    });
    return tf.concat(parts, 1);
  };

  const observation: NoiseSpec = { distribution: 'normal', shape: [numbers.length] };
  return {
    specs: numbers.length > 0 ? { [stdName]: { shape: [numbers.length], initial: -1.5 } } : {},
    binarisation: {},
    noise: {
      ...(numbers.length > 0 && { observation }),
      choice: { distribution: 'uniform', shape: [choices] },
    },
    logProbs,
    mean: (output, told) =>
      joined(output, told, (_, logits, place) => [...(place ? [place] : []), tf.softmax(logits)]),
    draw: (state, output, { observation: normal, choice: uniform }, told) => {
      const std = numbers.length > 0 ? tf.exp(logStd(state)) : null;
      let [number, first] = [0, 0];
      return joined(output, told, (span, logits, place) => {
        const from = first;
        first += span.choices;
        const noise = tf.slice(uniform as tf.Tensor2D, [0, from], [-1, span.choices]);
        // The largest of logits with noise of the Gumbel distribution is a draw by their softmax.
        const gumbel = tf.neg(tf.log(tf.neg(tf.log(tf.clipByValue(noise, 1e-7, 1 - 1e-7)))));
        const drawn = oneHot(tf.argMax(tf.add(logits, gumbel), 1), span.choices);
        if (place === null) return [drawn];
        const at = number++;
        const deviation = tf.mul(
          tf.slice(normal as tf.Tensor2D, [0, at], [-1, 1]),
          tf.slice(std as tf.Tensor1D, [at], [1]),
        );
        const value = tf.add(place, deviation);
        const gap = missingAt(span);
        if (gap === null) return [value, drawn];
        const missing = tf.slice(drawn, [0, gap - span.start], [-1, 1]);
        return [tf.mul(value, tf.sub(1, missing)), drawn];
      });
    },
  };
}

function isChoice({ start, choices }: ColumnSpan, at: number): boolean {
  return at >= start && at < start + choices;
}

/** Where an encoded row says that a number is missing; null where none can be. */
function missingAt({ column, start, choices }: ColumnSpan): number | null {
  return column.kind === 'number' && column.missing !== undefined ? start + choices - 1 : null;
}

function matrix(rows: number, isOne: (row: number, column: number) => boolean, columns = rows): tf.Tensor2D {
  const values = Float32Array.from({ length: rows * columns }, (_, i) =>
    isOne(Math.floor(i / columns), i % columns) ? 1 : 0,
  );
  return tf.tensor2d(values, [rows, columns]);
}
