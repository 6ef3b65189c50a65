import { samplingProgram } from '@generatrix/runtime/core';
import type { Manifest } from '@generatrix/runtime/web';
import type { GeneratrixSampler } from '../element/sampler-element.ts';
import type { ModelEntry } from '../model-list.ts';
import { parityBadge } from '../panels/parity-badge.ts';
import { make } from '../view/make.ts';
import { deviceLine, formatTime } from '../view/text.ts';
import { descriptionOf } from './description.ts';
import { equation } from './equation.ts';
import { likelihoodOf } from './likelihood.ts';
import { leafOf, leavesOf, type Taxonomy } from './taxonomy.ts';

export interface Card {
  readonly id: string;
  readonly family: string;
  /** What the family is called, and its place in the taxonomy. */
  readonly title: string;
  readonly taxonomy: readonly string[];
  readonly element: HTMLElement;
  readonly sampler: GeneratrixSampler;
}

/** Samples that a card shows, by the kind of data. */
const counts = { image: 16, points: 1000, audio: 3 } as const;

/** A model's card: what it is, the sampler itself, how well it does and how fast it is here. */
export function makeCard(entry: ModelEntry, manifest: Manifest, taxonomy: Taxonomy, device: string): Card {
  const note = descriptionOf(manifest);
  const leaf = leafOf(taxonomy, note.taxonomy);
  const way = leavesOf(taxonomy).find((each) => each.leaf === leaf)!.way;
  const id = `model-${entry.path.replace(/[^\w-]+/g, '-')}`;
  const sampler = make('generatrix-sampler');
  sampler.setAttribute('src', entry.url);
  sampler.setAttribute('count', String(counts[manifest.data.kind]));
  sampler.setAttribute('device', device);
  const draws = samplingProgram(manifest.programs) !== undefined;
  sampler.setAttribute('aria-label', draws ? `Samples of ${entry.title}` : entry.title);
  const speed = make('dd', {}, draws ? 'not measured yet' : 'draws no samples');
  const parity = make('dd', {}, 'not checked yet');
  const likelihood = likelihoodOf(manifest.provenance.metrics);
  const facts = make('dl', {}, ...row('Data', make('dd', {}, manifest.data.name)));
  if (likelihood) facts.append(...row('Held-out likelihood', make('dd', {}, likelihood)));
  facts.append(...row('Speed here', speed), ...row('Parity', parity));
  const { sources } = note;
  if (sources.length > 0) {
    facts.append(...row(sources.length > 1 ? 'Sources' : 'Source', make('dd', {}, sources.join('; '))));
  }

  sampler.addEventListener('generatrix-sample', (event) => {
    const { sampleMs, count, device } = (event as CustomEvent).detail;
    const where = deviceLine(device, sampler.sampler?.deviceNote ?? '');
    speed.textContent = `${formatTime(sampleMs / count)} a sample on ${where}`;
    // The badge waits for the first samples, which whoever looks at the card wants first.
    if (parity.childElementCount === 0 && sampler.sampler) {
      const drawing = samplingProgram(manifest.programs);
      parity.replaceChildren(parityBadge(sampler.sampler, drawing === undefined ? undefined : [drawing]));
    }
  });
  sampler.addEventListener('generatrix-load', () => {
    parity.replaceChildren();
    if (draws || !sampler.sampler) return;
    parity.replaceChildren(parityBadge(sampler.sampler));
  });
  const explore = make('a', {
    className: 'explore',
    href: `model.html?model=${encodeURIComponent(entry.path)}`,
  });
  explore.append('Explore this model', make('span', { className: 'for-readers' }, `: ${entry.title}`));
  const element = make(
    'article',
    { className: 'card', id, 'aria-labelledby': `${id}-title` },
    make('h3', { id: `${id}-title` }, make('small', {}, way), note.title, make('small', {}, entry.title)),
    ...(note.equation ? [equation(note.equation)] : []),
    sampler,
    facts,
    explore,
  );
  return { id, family: manifest.family, title: note.title, taxonomy: note.taxonomy, element, sampler };
}

function row(term: string, detail: HTMLElement): HTMLElement[] {
  return [make('dt', {}, term), detail];
}
