/**
 * Draws sound as the span between its lowest and its highest value in every column of pixels, about a middle line.
 * @param range values of the lower and the upper edge
 */
export function drawWaveform(
  context: CanvasRenderingContext2D,
  samples: ArrayLike<number>,
  range: readonly [number, number],
  colours: { readonly background: string; readonly axis: string; readonly point: string },
  box: { readonly top: number; readonly height: number },
): void {
  const { width } = context.canvas;
  const toY = (value: number) => box.top + (1 - (value - range[0]) / (range[1] - range[0])) * box.height;
  context.fillStyle = colours.background;
  context.fillRect(0, box.top, width, box.height);
  context.fillStyle = colours.axis;
  context.fillRect(0, Math.round(toY((range[0] + range[1]) / 2)), width, 1);
  context.fillStyle = colours.point;
  for (let x = 0; x < width; x += 1) {
    const first = Math.floor((x * samples.length) / width);
    const end = Math.max(first + 1, Math.floor(((x + 1) * samples.length) / width));
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = first; i < end && i < samples.length; i += 1) {
      low = Math.min(low, samples[i]!);
      high = Math.max(high, samples[i]!);
    }
    if (!(high >= low)) continue;
    const top = Math.max(box.top, toY(high));
    context.fillRect(x, top, 1, Math.max(1, Math.min(box.top + box.height, toY(low)) - top));
  }
}
