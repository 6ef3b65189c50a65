import type { Manifest } from '@generatrix/runtime/web';
import '../element/index.ts';
import { fetchManifest, parseManifest } from '../cache/bundle-files.ts';
import { listModels, type ModelEntry } from '../model-list.ts';
import { keepOffline } from '../offline/keep-offline.ts';
import { type Card, makeCard } from './card.ts';
import { descriptionOf } from './description.ts';
import { drawMap } from './map.ts';
import { leafOf, leavesOf, type Taxonomy, taxonomyFor } from './taxonomy.ts';

function find(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** The manifest of an entry; one that cannot be had leaves the others in peace. */
async function readEntry(entry: ModelEntry): Promise<{ entry: ModelEntry; manifest: Manifest } | string> {
  try {
    const { text } = await fetchManifest(new URL('model.json', entry.url).href);
    const manifest = parseManifest(text, entry.url);
    return isForCard(manifest) ? { entry, manifest } : `${entry.title}: its model.json is no manifest`;
  } catch (error) {
    return `${entry.title}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Whether a manifest has what a card shows, before the worker checks all of it. */
function isForCard(manifest: Partial<Manifest>): manifest is Manifest {
  const { family, data, programs, provenance } = manifest as Partial<Record<keyof Manifest, unknown>>;
  const isObject = (value: unknown) => typeof value === 'object' && value !== null;
  return (
    typeof family === 'string' &&
    isObject(data) &&
    ['image', 'points', 'audio'].includes((data as Manifest['data']).kind) &&
    isObject(programs) &&
    Object.values(programs as object).every(isObject) &&
    isObject(provenance) &&
    isObject((provenance as Manifest['provenance']).metrics)
  );
}

/** In the order of the taxonomy, so that relatives stand together. */
function place(cards: readonly Card[], taxonomy: Taxonomy): void {
  for (const { leaf } of leavesOf(taxonomy)) {
    const here = cards.filter((card) => leafOf(taxonomy, card.taxonomy) === leaf);
    find('cards').append(...here.map(({ element }) => element));
  }
}

/** One after the other: they share one worker, and the first is seen soonest this way. */
async function runAll(cards: readonly Card[]): Promise<void> {
  const button = find('run-all') as HTMLButtonElement;
  button.disabled = true;
  for (const { sampler } of cards) {
    if (sampler.state !== 'ready') await sampler.sample().catch(() => undefined);
  }
  button.hidden = true;
}

async function start(): Promise<void> {
  const query = new URLSearchParams(location.search);
  if (query.get('model')) {
    location.replace(new URL(`model.html${location.search}`, document.baseURI));
    return;
  }
  void keepOffline('./generatrix-offline.js'); // not before: leaving the page would break its requests off
  const entries = await listModels(document.baseURI, null);
  const read = await Promise.all(entries.map(readEntry));
  const models = read.filter((item) => typeof item !== 'string');
  const taxonomy = taxonomyFor(models.map(({ manifest }) => descriptionOf(manifest).taxonomy));
  const device = query.get('device') ?? 'auto';
  const cards = models.map(({ entry, manifest }) => makeCard(entry, manifest, taxonomy, device));
  const troubles = read.filter((item) => typeof item === 'string');
  const families = new Map(cards.map((card) => [card.family, card] as const).reverse());
  const firsts = cards.filter((card) => families.get(card.family) === card);
  drawMap(
    find('map'),
    taxonomy,
    firsts.map(({ title, taxonomy: path, id }) => ({ title, taxonomy: path, card: id })),
  );
  place(cards, taxonomy);
  showError(troubles.join('; '));
  find('status').textContent = cards.length === 1 ? 'One model is here.' : `${cards.length} models are here.`;
  const button = find('run-all');
  button.hidden = cards.length === 0;
  button.addEventListener('click', () => void runAll(cards));
  find('main').dataset.state = 'ready';
}

function showError(line: string): void {
  find('error').textContent = line;
  find('error').hidden = line === '';
}

start().catch((error: unknown) => {
  drawMap(find('map'), taxonomyFor([]), []);
  showError(error instanceof Error ? error.message : String(error));
  find('main').dataset.state = 'failed';
});
