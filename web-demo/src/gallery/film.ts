import type { ImageLayout } from '../view/image-grid.ts';
import type { PlotRegion } from '../view/scatter.ts';

/** What a thumbnail plays, over and over: made once, by a model or from the picture in its bundle. */
export type Film = PointsFilm | ImagesFilm | WaveFilm;

interface Paced {
  /** Milliseconds that a frame is seen. */
  readonly pace: number;
  /** How many milliseconds the last frame stays. */
  readonly hold: number;
}

/** Points of the plane that move. */
export interface PointsFilm extends Paced {
  readonly kind: 'points';
  /** Each [n, 2], the same n in all. */
  readonly frames: readonly Float32Array[];
  readonly region: PlotRegion;
  /** Whether points go from frame to frame; else each is drawn where the frame has it. */
  readonly glides: boolean;
}

/** Some images that change. */
export interface ImagesFilm extends Paced {
  readonly kind: 'image';
  /** Each [n, height, width, channels], the same n in all. */
  readonly frames: readonly ArrayLike<number>[];
  readonly layout: ImageLayout;
}

/** A sound that is drawn from left to right. */
export interface WaveFilm extends Paced {
  readonly kind: 'audio';
  readonly samples: ArrayLike<number>;
  readonly range: readonly [number, number];
}

/** Steps in which a wave is drawn. */
const waveFrames = 48;

const framesOf = (film: Film): number => (film.kind === 'audio' ? waveFrames : film.frames.length);

/**
 * Which frame a film shows, and how far it is on the way to the next.
 * @param elapsed milliseconds since it began
 * @returns the index of the frame, and a share from 0 to 1
 */
export function placeAt(film: Film, elapsed: number): { readonly frame: number; readonly share: number } {
  const last = framesOf(film) - 1;
  const position = (elapsed % (last * film.pace + film.hold)) / film.pace;
  const frame = Math.min(last, Math.floor(position));
  return { frame, share: frame === last ? 0 : position - frame };
}

/** Where a film stands still: at what it leads to. */
export const endOf = (film: Film): { readonly frame: number; readonly share: number } => ({
  frame: framesOf(film) - 1,
  share: 0,
});

/** The share of a sound that is drawn in a frame. */
export const shareDrawn = (frame: number, share: number): number =>
  Math.min(1, (frame + 1 + share) / waveFrames);
