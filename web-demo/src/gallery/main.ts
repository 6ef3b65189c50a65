import type { DeviceRequest, Manifest } from '@generatrix/runtime/web';
import { fetchManifest, parseManifest } from '../cache/bundle-files.ts';
import { engineIsKept } from '../cache/engine-kept.ts';
import { listModels, type ModelEntry } from '../model-list.ts';
import { keepOffline } from '../offline/keep-offline.ts';
import { makeConductor } from './conductor.ts';
import { descriptionOf } from './description.ts';
import { playTiles } from './playback.ts';
import { leafOf, leavesOf, type Taxonomy, taxonomyFor } from './taxonomy.ts';
import { makeTile, type Tile } from './tile.ts';
import { drawTree } from './tree.ts';

function find(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** The manifest of an entry; one that cannot be had leaves the others in peace. */
async function readEntry(entry: ModelEntry): Promise<{ entry: ModelEntry; manifest: Manifest } | string> {
  try {
    const { text } = await fetchManifest(new URL('model.json', entry.url).href);
    const manifest = parseManifest(text, entry.url);
    return isForTile(manifest) ? { entry, manifest } : `${entry.title}: its model.json is no manifest`;
  } catch (error) {
    return `${entry.title}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Whether a manifest has what a thumbnail shows, before the worker checks all of it. */
function isForTile(manifest: Partial<Manifest>): manifest is Manifest {
  const { family, data, programs, provenance } = manifest as Partial<Record<keyof Manifest, unknown>>;
  const isObject = (value: unknown) => typeof value === 'object' && value !== null;
  return (
    typeof family === 'string' &&
    isObject(data) &&
    ['image', 'points', 'audio'].includes((data as Manifest['data']).kind) &&
    isObject(programs) &&
    Object.values(programs as object).every(isObject) &&
    isObject(provenance)
  );
}

/** In the order of the taxonomy, so that models run from the top of the page to its end. */
function inOrder(tiles: readonly Tile[], taxonomy: Taxonomy): Tile[] {
  const firsts = [...document.querySelectorAll('.first > .model')].map(({ id }) => id);
  const all = leavesOf(taxonomy).flatMap(({ leaf }) =>
    tiles.filter((tile) => leafOf(taxonomy, tile.taxonomy) === leaf),
  );
  return [...all.filter(({ id }) => firsts.includes(id)), ...all.filter(({ id }) => !firsts.includes(id))];
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
  const device = (query.get('device') ?? 'wasm') as DeviceRequest;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const touched = (tile: Tile) => conductor.now(tile);
  const tiles = models.map(({ entry, manifest }) => makeTile(entry, manifest, device, touched));
  drawTree(find('map'), taxonomy, tiles);
  const ordered = inOrder(tiles, taxonomy);
  const conductor = makeConductor(ordered, () => !still.matches);
  playTiles(ordered, conductor, { button: find('run'), still, engineKept: await engineIsKept('wasm') });
  showError(read.filter((item) => typeof item === 'string').join('; '));
  find('run').hidden = tiles.length === 0;
  find('main').dataset.state = 'ready';
}

function showError(line: string): void {
  find('error').textContent = line;
  find('error').hidden = line === '';
}

start().catch((error: unknown) => {
  drawTree(find('map'), taxonomyFor([]), []);
  showError(error instanceof Error ? error.message : String(error));
  find('main').dataset.state = 'failed';
});
