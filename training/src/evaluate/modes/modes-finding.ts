import { encodePng, plotRegion, scatterPlot } from '@generatrix/runtime/media';
import { pointDistributionOf } from '../../data/index.ts';
import { type Finding, type Outcome, percent, type Skipped } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { type ModeCoverage, modeCoverage, publishedModeSamples } from './mode-coverage.ts';

/** Mode coverage on the ring and the grid of Gaussians. */
export async function modes(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { train, source } = evaluation.request;
  const distribution = pointDistributionOf(train.name);
  if (distribution?.modes === undefined)
    return { skipped: 'it needs ring8 or grid25, whose modes are known' };
  const count = evaluation.request.modeSamples ?? publishedModeSamples;
  const drawn = await source.draw({ count, seed: evaluation.seed });
  const coverage = modeCoverage(drawn.data.data, distribution.modes);
  const extent = plotRegion(distribution.modes.centres.flat());
  const wider = { ...extent, halfWidth: extent.halfWidth * 1.25 };
  const picture = await encodePng(scatterPlot(drawn.data, { extent: wider }));
  return {
    finding: findingOf(coverage, count),
    figures: { ...coverage, samples: count },
    notes: [
      `The distribution itself has 98.9 % of high-quality samples (within three standard deviations of a mode). The published tables rest on ${publishedModeSamples} samples; more samples hit a mode more easily.`,
    ],
    pictures: [{ caption: `${count} samples`, png: picture }],
    bars: [
      {
        title: 'Samples nearest to each mode',
        labels: coverage.counts.map((_, mode) => String(mode)),
        series: [{ name: 'samples', values: coverage.counts }],
      },
    ],
  };
}

function findingOf({ modes, hit, covered, highQuality, missed }: ModeCoverage, count: number): Finding {
  const quality = `${percent(highQuality)} of ${count} samples of high quality`;
  if (hit < modes) {
    return {
      verdict: 'problem',
      text: `Mode collapse: ${hit} of ${modes} modes are hit (missing: ${missed.join(', ')}), ${quality}.`,
    };
  }
  if (covered < modes) {
    return {
      verdict: 'warning',
      text: `All ${modes} modes are hit, but only ${covered} with a tenth of their share; ${quality}.`,
    };
  }
  if (highQuality < 0.9)
    return { verdict: 'warning', text: `All ${modes} modes are hit, but only ${quality}.` };
  return { verdict: 'ok', text: `All ${modes} modes are hit, ${quality}.` };
}
