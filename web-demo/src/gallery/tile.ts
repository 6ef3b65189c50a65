import { type Manifest, samplingProgram } from '@generatrix/runtime/core';
import type { DeviceRequest } from '@generatrix/runtime/web';
import { posterFile } from '../cache/poster-file.ts';
import type { ModelEntry } from '../model-list.ts';
import { make } from '../view/make.ts';
import { formatTime } from '../view/text.ts';
import { loadSampler, type RemoteSampler } from '../worker/remote-sampler.ts';
import type { Performer } from './conductor.ts';
import { descriptionOf } from './description.ts';
import { endOf, type Film, placeAt } from './film.ts';
import { liveFilm } from './live-film.ts';
import { mannerOf } from './manner.ts';
import { makePainter } from './paint-film.ts';
import { posterFilm } from './poster-film.ts';

/** What a thumbnail shows: nothing yet, the picture in the bundle, what the model does here; also its `data-state`. */
type TileState = 'empty' | 'poster' | 'running' | 'live' | 'failed';

/** A model as a thumbnail of the tree: it plays, runs where it is touched, and leads to its page. */
export interface Tile extends Performer {
  readonly id: string;
  readonly family: string;
  readonly title: string;
  readonly taxonomy: readonly string[];
  readonly equation: string;
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** Told as the thumbnail comes into sight and leaves it. */
  setSeen(seen: boolean): void;
  /** Paints what is due at a time of the page's clock. @param moves whether motion is wanted */
  paint(now: number, moves: boolean): void;
  /** The page's colours or the thumbnail's size may have changed. */
  refresh(): void;
}

/** @param touched called when the visitor asks for the model to run */
export function makeTile(
  entry: ModelEntry,
  manifest: Manifest,
  device: DeviceRequest,
  touched: (tile: Tile) => void,
): Tile {
  const note = descriptionOf(manifest);
  const title = note.title.replace(/[,:].*$/, '');
  const manner = mannerOf(manifest);
  const id = `model-${entry.path.replace(/[^\w-]+/g, '-')}`;
  const canvas = make('canvas', { 'aria-hidden': 'true' });
  const painter = makePainter(canvas);
  const says = make('span', { className: 'state' });
  const picture = make(
    'button',
    { type: 'button', className: 'picture', 'aria-label': `Run ${note.title}`, onclick: () => touched(tile) },
    canvas,
  );
  const link = make('a', { href: `model.html?model=${encodeURIComponent(entry.path)}` }, title);
  if (title !== note.title) link.title = note.title;
  const about = make('span', { className: 'data' }, manifest.data.name);
  const element = make(
    'div',
    { className: 'model', id },
    picture,
    make('div', { className: 'name' }, link, make('p', { className: 'note' }, about, says)),
  );

  let film: Film | undefined;
  let begun = 0;
  let painted = '';
  let seen = false;
  let seed = 1;
  let renewed: number | undefined;
  let opening: Promise<RemoteSampler> | undefined;
  let posterAsked = false;

  const setState = (state: TileState, line = '') => {
    element.dataset.state = state;
    says.textContent = line;
  };
  const show = (shown: Film) => {
    film = shown;
    begun = performance.now();
    painted = '';
  };
  const askPoster = async () => {
    posterAsked = true;
    const poster = await posterFile(entry.url, manifest, new AbortController().signal);
    const made =
      poster &&
      manifest.data.kind !== 'audio' &&
      posterFilm(await createImageBitmap(poster), manifest, manner);
    if (!made || film) return;
    show(made);
    setState('poster');
  };
  const open = () => {
    opening ??= loadSampler(entry.url, { device });
    opening.catch(() => {
      opening = undefined; // so that it can be tried again
    });
    return opening;
  };
  setState('empty');
  const tile: Tile = {
    id,
    family: manifest.family,
    title: note.title,
    taxonomy: note.taxonomy,
    equation: note.equation,
    element,
    canvas,
    get seen() {
      return seen;
    },
    get renewed() {
      return renewed;
    },
    setSeen(inSight) {
      seen = inSight;
      if (seen && !posterAsked) askPoster().catch(() => undefined); // a thumbnail without a picture waits for its model
    },
    refresh() {
      painter.refresh();
      painted = '';
    },
    paint(now, moves) {
      if (!film || !seen) return;
      const place = moves ? placeAt(film, Math.max(0, now - begun)) : endOf(film);
      const key = `${place.frame},${film.kind === 'points' && film.glides ? place.share : 0}`;
      if (key === painted) return;
      painted = key;
      painter.paint(film, place.frame, place.share);
    },
    async perform() {
      if (element.dataset.state !== 'live')
        setState('running', opening === undefined ? 'loading' : 'running');
      try {
        const sampler = await open();
        const start = performance.now();
        show(await liveFilm(sampler, manner, seed, new AbortController().signal));
        element.dataset.films = String(seed);
        seed += 1;
        setState('live', `live: ${formatTime(performance.now() - start)}`);
      } catch (error) {
        setState('failed', error instanceof Error ? error.message.split('\n')[0] : String(error));
      }
      renewed = performance.now();
    },
  };
  if (samplingProgram(manifest.programs) === undefined) about.append(', draws no samples');
  return tile;
}
