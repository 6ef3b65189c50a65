import { make } from '../view/make.ts';
import { deviceName } from '../view/text.ts';
import type { RemoteSampler } from '../worker/remote-sampler.ts';

/**
 * A badge that compares programs with the reference outputs in the bundle on the device in use and says how far
 * apart they are.
 * @param programs those to compare; all when absent, which fetches those that are not loaded
 */
export function parityBadge(sampler: RemoteSampler, programs?: readonly string[]): HTMLElement {
  const badge = make('span', { className: 'badge', role: 'status' }, 'Checking');
  badge.dataset.parity = 'running';
  const show = (state: string, text: string) => {
    badge.dataset.parity = state;
    badge.textContent = text;
  };
  if (sampler.manifest.reference === undefined) {
    show('none', 'No reference in the bundle');
    return badge;
  }
  sampler.checkParity(programs).then(
    (rows) => {
      const worst = Math.max(0, ...rows.map(({ maxRelativeError }) => maxRelativeError));
      const passed = rows.every((row) => row.passed);
      const error = worst === 0 ? 'to the last bit' : `within ${worst.toExponential(0)} of scale`;
      const flips = rows.reduce((sum, row) => sum + row.flips, 0);
      const turned = flips === 0 ? '' : `, ${flips} of its draws on the other side of a threshold`;
      const device = deviceName(sampler.device);
      show(
        passed ? 'passed' : 'failed',
        passed
          ? `Same as at export on ${device}, ${error}${turned}`
          : `Differs on ${device} by ${worst.toExponential(0)} of scale`,
      );
      badge.title = rows
        .map((row) => `${row.program} ${row.output}: ${row.maxRelativeError.toExponential(1)}`)
        .join('\n');
    },
    (error: unknown) => show('none', error instanceof Error ? error.message : String(error)),
  );
  return badge;
}
