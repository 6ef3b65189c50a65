import { type DataSpec, sizeOf, UserError } from '@generatrix/runtime/core';

/** Pixels of the largest picture that is written: 400 MB in colour before it is compressed. */
const mostPixels = 2 ** 27;
/** Values of the longest sound that is written: WAV counts its bytes in 32 bits. */
const mostSoundValues = 2 ** 30;
/** Points of the fullest scatter plot. */
const mostPoints = 10_000_000;

/**
 * Refuses a picture or sound that is too large, before any of it is drawn.
 * @param count samples
 * @throws UserError naming the flag, with the size and the most that would do.
 */
export function checkPicture(
  spec: DataSpec,
  count: number,
  { scale = 1, columns }: { readonly scale?: number; readonly columns?: number },
): void {
  const most = (limit: number) => `at most ${Math.max(1, Math.floor(limit))}, or write a .npy file`;
  if (spec.kind === 'points') {
    if (count > mostPoints) throw new UserError(`--count ${count}: a plot takes ${most(mostPoints)}`);
    return;
  }
  const values = sizeOf(spec.shape);
  if (spec.kind === 'audio') {
    if (count * values <= mostSoundValues) return;
    throw new UserError(
      `--count ${count}: a sound file of clips this long takes ${most(mostSoundValues / values)}`,
    );
  }
  const [height, width] = spec.shape;
  const across = columns ?? Math.max(1, Math.ceil(Math.sqrt(count)));
  const down = Math.ceil(count / across);
  const pixels = across * down * height * width * scale ** 2;
  if (pixels <= mostPixels) return;
  const size = `${across * width * scale}x${down * height * scale} pixels`;
  if (across * down * height * width > mostPixels) {
    const cells = mostPixels / (height * width);
    const flag = columns !== undefined && columns > count ? `--columns ${columns}` : `--count ${count}`;
    throw new UserError(
      `${flag}: the picture would have ${size}; say ${most(columns === undefined ? Math.floor(Math.sqrt(cells)) ** 2 : cells)}`,
    );
  }
  const fits = Math.floor(Math.sqrt(mostPixels / (across * down * height * width)));
  throw new UserError(`--scale ${scale}: the picture would have ${size}; say at most ${fits}`);
}
