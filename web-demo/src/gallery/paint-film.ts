import { imageGrid } from '../view/image-grid.ts';
import { plotColours } from '../view/sample-view.ts';
import { drawWaveform } from '../view/waveform.ts';
import { type Film, type ImagesFilm, type PointsFilm, shareDrawn, type WaveFilm } from './film.ts';

/** Device pixels between images, for each CSS pixel. */
const gutter = 3;

type Colours = ReturnType<typeof plotColours>;

/** Paints a film's frames onto a canvas, which keeps the size that it has in the page. */
export interface Painter {
  paint(film: Film, frame: number, share: number): void;
  /** The page's colours or the canvas's size may be others now. */
  refresh(): void;
}

/** @throws when the browser cannot draw. */
export function makePainter(canvas: HTMLCanvasElement): Painter {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no canvas to draw on');
  const strip = document.createElement('canvas');
  let colours: Colours | undefined;
  let ratio = 1;
  const fit = () => {
    ratio = Math.min(2, devicePixelRatio || 1);
    const side = Math.max(32, Math.round(canvas.clientWidth * ratio));
    if (canvas.width !== side || canvas.height !== side) {
      canvas.width = side;
      canvas.height = side;
    }
    colours = plotColours(canvas);
    return colours;
  };
  return {
    refresh() {
      colours = undefined;
    },
    paint(film, frame, share) {
      const used = colours ?? fit();
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (film.kind === 'points') paintPoints(context, film, frame, share, used, ratio);
      else if (film.kind === 'image') paintImages(context, strip, film, frame, ratio);
      else paintWave(context, film, shareDrawn(frame, share), used);
    },
  };
}

function paintPoints(
  context: CanvasRenderingContext2D,
  { frames, region, glides }: PointsFilm,
  frame: number,
  share: number,
  colours: Colours,
  ratio: number,
): void {
  const side = context.canvas.width;
  const [from, to] = [frames[frame]!, frames[glides ? Math.min(frame + 1, frames.length - 1) : frame]!];
  const unit = side / (2 * region.halfWidth);
  const dot = Math.max(1.6, Math.min(3, side / ratio / 60)) * ratio;
  context.fillStyle = colours.point;
  context.globalAlpha = 0.7;
  for (let i = 0; i + 1 < from.length; i += 2) {
    const x = from[i]! + (to[i]! - from[i]!) * share;
    const y = from[i + 1]! + (to[i + 1]! - from[i + 1]!) * share;
    const left = side / 2 + (x - region.centre[0]) * unit - dot / 2;
    context.fillRect(left, side / 2 - (y - region.centre[1]) * unit - dot / 2, dot, dot);
  }
  context.globalAlpha = 1;
}

/** Share of the room that whole device pixels for an image pixel must fill; images that would be smaller are smoothed. */
const wellFilled = 0.85;

/** As many device pixels for an image pixel as fit in, and whole ones, so that all pixels look alike. */
function paintImages(
  context: CanvasRenderingContext2D,
  strip: HTMLCanvasElement,
  { frames, layout }: ImagesFilm,
  frame: number,
  ratio: number,
): void {
  const side = context.canvas.width;
  const [height, width] = layout.shape;
  const { pixels, ...size } = imageGrid(frames[frame]!, layout, 1);
  strip.width = size.width;
  strip.height = size.height;
  strip.getContext('2d')?.putImageData(new ImageData(pixels, size.width, size.height), 0, 0);
  const count = Math.round(size.height / height);
  const perRow = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / perRow);
  const gap = Math.round(gutter * ratio);
  const room = (cells: number, length: number) => (side - (cells - 1) * gap) / (cells * length);
  const exact = Math.min(room(perRow, width), room(rows, height));
  const isWhole = Math.floor(exact) >= wellFilled * exact;
  const scale = isWhole ? Math.floor(exact) : exact;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  const left = Math.round((side - perRow * w - (perRow - 1) * gap) / 2);
  const top = Math.round((side - rows * h - (rows - 1) * gap) / 2);
  context.imageSmoothingEnabled = !isWhole;
  context.imageSmoothingQuality = 'high';
  for (let i = 0; i < count; i += 1) {
    const [column, row] = [i % perRow, Math.floor(i / perRow)];
    context.drawImage(
      strip,
      ...([0, i * height, width, height] as const),
      ...([left + column * (w + gap), top + row * (h + gap), w, h] as const),
    );
  }
}

function paintWave(
  context: CanvasRenderingContext2D,
  { samples, range }: WaveFilm,
  share: number,
  colours: Colours,
): void {
  const { width, height } = context.canvas;
  const box = { top: height / 4, height: height / 2 };
  drawWaveform(context, samples, range, { ...colours, background: 'transparent' }, box);
  const drawn = Math.round(width * share);
  context.clearRect(drawn, 0, width - drawn, height);
}
