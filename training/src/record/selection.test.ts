import { UserError } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import { Selection, scoresOf, selectionMetric } from './selection.ts';
import { parseSettings } from './settings.ts';

const take = (selection: Selection, values: readonly number[]): boolean[] =>
  values.map((value, i) => selection.record({ step: 10 * (i + 1), value }));

describe('the choice of the best checkpoint', () => {
  it('takes the highest score, and the earliest of equal ones', () => {
    const selection = new Selection();
    expect(take(selection, [-9, -5, -7, -5, -4])).toEqual([true, true, false, false, true]);
    expect(selection.best).toEqual({ step: 50, value: -4 });
    expect(selection.exhausted).toBe(false);
  });

  it('never takes a score that is not finite, which counts as no improvement', () => {
    const selection = new Selection({ earlyStop: 2 });
    const { NaN: nan, POSITIVE_INFINITY: infinite } = Number;
    expect(take(selection, [nan, 1, infinite])).toEqual([false, true, false]);
    expect([selection.best, selection.waited]).toEqual([{ step: 20, value: 1 }, 1]);
  });

  it('gives up after so many evaluations in a row without improvement', () => {
    const selection = new Selection({ earlyStop: 2 });
    take(selection, [1, 0]);
    expect(selection.exhausted).toBe(false);
    take(selection, [2, 2]);
    expect([selection.waited, selection.exhausted]).toEqual([1, false]);
    take(selection, [1.5]);
    expect(selection.exhausted).toBe(true);
  });

  it('a rise of minDelta or less keeps the best and costs patience; several small ones add up', () => {
    const selection = new Selection({ earlyStop: 3, minDelta: 1 });
    expect(take(selection, [0, 0.75, 1])).toEqual([true, true, true]);
    expect([selection.best!.value, selection.waited]).toEqual([1, 2]);
    take(selection, [1.25]);
    expect(selection.waited).toBe(0);
  });

  it('stands where it stood when it is shown the scores of the metrics again', () => {
    const line = (step: number, metrics: Record<string, number>) => ({ step, seconds: 0, metrics });
    const lines = [line(0, { score: 3 }), line(1, { loss: 1 }), line(2, { loss: 9, score: 2 })];
    expect(scoresOf(lines, 'score')).toEqual([
      { step: 0, value: 3 },
      { step: 2, value: 2 },
    ]);
    expect(scoresOf(lines, 'toString')).toEqual([]);
  });
});

describe('what a run is judged by', () => {
  const settings = (more: object) =>
    parseSettings(
      {
        ...{ family: 'gan', options: {}, data: { name: 'ring8' }, seed: 1, steps: 9, batchSize: 1 },
        ...{ learningRate: 1, engine: 'onnx', device: 'cpu' },
        ...{ reportEvery: 1, evaluateEvery: 1, checkpointEvery: 1, ...more },
      },
      'test',
    );
  const modes = ['heldOut/modesHit', 'heldOut/highQualityShare'];

  it('is nothing unless it is asked for', () => {
    expect(selectionMetric(settings({}), ['heldOut/elbo'])).toBeNull();
    expect(selectionMetric(settings({}), [])).toBeNull();
  });

  it('is the likelihood where there is one, and what is named before it', () => {
    expect(selectionMetric(settings({ keep: 'best' }), ['heldOut/elbo'])).toBe('heldOut/elbo');
    expect(selectionMetric(settings({ earlyStop: 1 }), [...modes, 'heldOut/logProb'])).toBe(
      'heldOut/logProb',
    );
    expect(selectionMetric(settings({ keep: 'best', bestBy: modes[0] }), ['heldOut/logProb', ...modes])).toBe(
      modes[0],
    );
  });

  it.each<[object, string[], RegExp]>([
    [{ keep: 'best' }, [], /^--keep best: gan on ring8 has no likelihood.*--keep-checkpoints N/],
    [{ earlyStop: 3 }, modes, /^--early-stop: .*--best-by: heldOut\/modesHit, heldOut\/highQualityShare$/],
    [{ earlyStop: 3, bestBy: 'loss' }, modes, /^--best-by loss: expected one of heldOut\/modesHit, /],
    [{ bestBy: 'heldOut/modesHit' }, modes, /^--best-by: .*give one of them$/],
  ])('is refused in one line with a cure: %j', (more, measured, message) => {
    expect(() => selectionMetric(settings(more), measured)).toThrow(UserError);
    expect(() => selectionMetric(settings(more), measured)).toThrow(message);
  });
});
