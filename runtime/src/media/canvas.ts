import type { Raster } from './codec.ts';

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number];

/** Bounds in pixels; right and bottom are outside. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What tick labels need, three columns by five rows: each digit is a row, its bits the columns from the left. */
const font: Readonly<Record<string, string>> = {
  '0': '75557',
  '1': '26227',
  '2': '71747',
  '3': '71717',
  '4': '55711',
  '5': '74717',
  '6': '74757',
  '7': '71111',
  '8': '75757',
  '9': '75717',
  '-': '00700',
  '+': '02720',
  '.': '00002',
  e: '07647',
};

/** Pixels that a dot of the font takes, and from one letter to the next. */
const dot = 2;
const advance = 4 * dot;
export const textHeight = 5 * dot;

/** An RGB picture to draw on, white at first. Pixel (x, y) covers [x, x + 1) by [y, y + 1), y downwards. */
export class Canvas {
  readonly raster: Raster;

  constructor(width: number, height: number) {
    this.raster = { width, height, channels: 3, data: new Uint8Array(width * height * 3).fill(255) };
  }

  /** Mixes a colour into a pixel; `alpha` 1 replaces it. Pixels outside are ignored. */
  blend(x: number, y: number, colour: Colour, alpha = 1): void {
    const { width, height, data } = this.raster;
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const at = (y * width + x) * 3;
    for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c]! * (1 - alpha) + colour[c]! * alpha);
  }

  /** Fills whole pixels. */
  fill({ left, top, right, bottom }: Box, colour: Colour): void {
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) this.blend(x, y, colour);
  }

  /** The outline of a box, one pixel wide, just outside it. */
  frame({ left, top, right, bottom }: Box, colour: Colour): void {
    this.fill({ left: left - 1, right: right + 1, top: top - 1, bottom: top }, colour);
    this.fill({ left: left - 1, right: right + 1, top: bottom, bottom: bottom + 1 }, colour);
    this.fill({ left: left - 1, right: left, top, bottom }, colour);
    this.fill({ left: right, right: right + 1, top, bottom }, colour);
  }

  /** A disc with smooth edges: a pixel is covered as far as its centre lies inside, over a width of one pixel. */
  disc(x: number, y: number, radius: number, colour: Colour, alpha: number, clip: Box): void {
    const reach = radius + 0.5;
    const right = Math.min(clip.right - 1, Math.floor(x + reach));
    const bottom = Math.min(clip.bottom - 1, Math.floor(y + reach));
    for (let row = Math.max(clip.top, Math.floor(y - reach)); row <= bottom; row++) {
      for (let column = Math.max(clip.left, Math.floor(x - reach)); column <= right; column++) {
        const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const coverage = Math.min(1, Math.max(0, reach - distance));
        if (coverage > 0) this.blend(column, row, colour, alpha * coverage);
      }
    }
  }

  /** Digits, signs, points and `e`; anything else is left blank. (left, top) is the corner of the first letter. */
  text(letters: string, left: number, top: number, colour: Colour): void {
    [...letters].forEach((letter, index) => {
      const rows = font[letter] ?? '00000';
      for (let row = 0; row < 5; row++) {
        for (let column = 0; column < 3; column++) {
          if (((Number(rows[row]) >> (2 - column)) & 1) === 0) continue;
          const x = left + index * advance + column * dot;
          const y = top + row * dot;
          this.fill({ left: x, right: x + dot, top: y, bottom: y + dot }, colour);
        }
      }
    });
  }
}

/** Width of a text in pixels. */
export function textWidth(letters: string): number {
  return Math.max(0, letters.length * advance - dot);
}
