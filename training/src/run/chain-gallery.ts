import { loadSampler } from '@generatrix/runtime';
import type { Dataset } from '../data/dataset.ts';
import { chainOutcome } from '../evaluate/chain/chain-finding.ts';
import { samplerSource } from '../evaluate/sample-source.ts';
import type { Gallery } from '../report/report-gallery.ts';

const seed = 42;
/** Real examples that directions are found from, at most. */
const examples = 1000;

/**
 * Whether the Markov chain of an exported model mixes, and some of its chains as a picture; nothing of other models.
 * @param bundle folder of the bundle
 * @param real examples, those not trained on where there are
 */
export async function chainGalleries(bundle: string, real: Dataset): Promise<Gallery[]> {
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  try {
    const source = samplerSource(sampler);
    if (source.chain === undefined) return [];
    const some = Int32Array.from({ length: Math.min(examples, real.size) }, (_, i) => i);
    const { finding, pictures = [] } = await chainOutcome(source.chain, {
      ...{ real: await real.gather(some), spec: source.spec, seed },
    });
    return [{ title: 'Chains', text: finding.text, figures: pictures }];
  } finally {
    await sampler.release();
  }
}
