import type { RandomStream } from '@generatrix/runtime/core';
import { type SkeletonPoint, type Stroke, skeletons } from './glyph-skeletons.ts';

/** Side of a rendered glyph in pixels. */
export const glyphSide = 28;

/** Height in pixels of a digit written at scale 1. */
const nominalHeight = 19;

/** Straight pieces that one span of a smooth stroke is drawn with. */
const piecesPerSpan = 6;

/** Width in pixels of the soft edge of a stroke. */
const edgeWidth = 1.3;

/** What was varied in one glyph, known exactly because the glyph was drawn from it. */
export interface GlyphFactors {
  /** The digit, 0-9. */
  readonly digit: number;
  /** Which of the ways of writing the digit. */
  readonly variant: number;
  /** Horizontal shear: the tangent of the lean to the right. */
  readonly slant: number;
  /** Mean width of the stroke in pixels. */
  readonly thickness: number;
  /** Height relative to the nominal 19 pixels. */
  readonly scale: number;
  /** Width relative to the digit's usual proportions. */
  readonly aspect: number;
  /** Clockwise, in radians. */
  readonly rotation: number;
  /** Of the centre, in pixels to the right and down. */
  readonly shift: readonly [number, number];
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** Draws the factors of one glyph. The digit is the stream's first number. */
export function drawFactors(random: RandomStream): GlyphFactors {
  const digit = random.nextInt(10);
  return {
    digit,
    variant: random.nextInt(skeletons[digit]!.length),
    slant: clamp(0.1 + 0.2 * random.nextNormal(), -0.45, 0.6),
    thickness: clamp(2.3 * Math.exp(0.26 * random.nextNormal()), 1.3, 4.2),
    scale: clamp(1 + 0.08 * random.nextNormal(), 0.8, 1.15),
    aspect: clamp(1.08 + 0.14 * random.nextNormal(), 0.65, 1.4),
    rotation: clamp(0.06 * random.nextNormal(), -0.2, 0.2),
    shift: [0.6 * random.nextNormal(), 0.6 * random.nextNormal()],
  };
}

/**
 * Draws the factors of a glyph and renders it: the strokes' points are shaken (an unsteady hand), joined by
 * Catmull-Rom curves, placed, and inked by distance to the curve under a pen pressure that varies.
 * @param random a fresh stream; the same stream gives the same glyph
 * @param ink receives 28x28 values, row-major, 0 = paper and 255 = ink
 */
export function drawGlyph(random: RandomStream, ink: Uint8Array): GlyphFactors {
  const factors = drawFactors(random);
  const depth = new Float32Array(glyphSide * glyphSide).fill(edgeWidth);
  for (const stroke of skeletons[factors.digit]![factors.variant]!) {
    inkStroke(placed(shaken(stroke, random), factors), factors.thickness / 2, random, depth);
  }
  for (let pixel = 0; pixel < depth.length; pixel++) {
    const t = clamp(0.5 - depth[pixel]! / edgeWidth, 0, 1);
    if (t === 0) {
      ink[pixel] = 0;
      continue;
    }
    const coverage = t * t * (3 - 2 * t);
    ink[pixel] = Math.round(255 * clamp(coverage * (1 - 0.04 * Math.abs(random.nextNormal())), 0, 1));
  }
  return factors;
}

function shaken(stroke: Stroke, random: RandomStream): SkeletonPoint[] {
  return stroke.map(([x, y, corner]) => [
    x + 0.026 * random.nextNormal(),
    y + 0.022 * random.nextNormal(),
    corner,
  ]);
}

/** From the unit box to pixels: aspect, shear, rotation, scale, shift. */
function placed(stroke: readonly SkeletonPoint[], factors: GlyphFactors): SkeletonPoint[] {
  const height = nominalHeight * factors.scale;
  const cos = Math.cos(factors.rotation) * height;
  const sin = Math.sin(factors.rotation) * height;
  const centre = (glyphSide - 1) / 2;
  return stroke.map(([x, y, corner]) => {
    const sheared = x * factors.aspect - factors.slant * y;
    return [
      centre + factors.shift[0] + cos * sheared - sin * y,
      centre + factors.shift[1] + sin * sheared + cos * y,
      corner,
    ];
  });
}

/** Lowers `depth`, the distance of each pixel to the stroke's outline (negative inside), along one stroke. */
function inkStroke(
  points: readonly SkeletonPoint[],
  radius: number,
  random: RandomStream,
  depth: Float32Array,
): void {
  const phase = 2 * Math.PI * random.nextUniform();
  const pace = 0.5 + random.nextUniform();
  let [fromX, fromY] = points[0]!;
  for (let span = 0; span + 1 < points.length; span++) {
    const p1 = points[span]!;
    const p2 = points[span + 1]!;
    const p0 = span === 0 || p1[2] ? p1 : points[span - 1]!;
    const p3 = span + 2 >= points.length || p2[2] ? p2 : points[span + 2]!;
    for (let piece = 1; piece <= piecesPerSpan; piece++) {
      const t = piece / piecesPerSpan;
      const x = catmullRom(p0[0], p1[0], p2[0], p3[0], t);
      const y = catmullRom(p0[1], p1[1], p2[1], p3[1], t);
      const pressure = 1 + 0.14 * Math.sin(phase + pace * (span + t));
      inkSegment(fromX, fromY, x, y, radius * pressure, depth);
      fromX = x;
      fromY = y;
    }
  }
}

/** The uniform cubic through p1 (t = 0) and p2 (t = 1) whose tangents are half the chords p0-p2 and p1-p3. */
function catmullRom(p0: number, p1: number, p2: number, p3: number, t: number): number {
  const linear = p2 - p0;
  const square = 2 * p0 - 5 * p1 + 4 * p2 - p3;
  const cube = 3 * (p1 - p2) + p3 - p0;
  return p1 + 0.5 * t * (linear + t * (square + t * cube));
}

function inkSegment(
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
  radius: number,
  depth: Float32Array,
): void {
  const reach = radius + edgeWidth / 2;
  const left = Math.max(0, Math.ceil(Math.min(fromX, toX) - reach));
  const right = Math.min(glyphSide - 1, Math.floor(Math.max(fromX, toX) + reach));
  const top = Math.max(0, Math.ceil(Math.min(fromY, toY) - reach));
  const bottom = Math.min(glyphSide - 1, Math.floor(Math.max(fromY, toY) + reach));
  const alongX = toX - fromX;
  const alongY = toY - fromY;
  const squaredLength = alongX * alongX + alongY * alongY || 1;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const t = clamp(((x - fromX) * alongX + (y - fromY) * alongY) / squaredLength, 0, 1);
      const offX = x - fromX - t * alongX;
      const offY = y - fromY - t * alongY;
      const outside = Math.sqrt(offX * offX + offY * offY) - radius;
      const pixel = y * glyphSide + x;
      if (outside < depth[pixel]!) depth[pixel] = outside;
    }
  }
}
