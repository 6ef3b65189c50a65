import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { randomStream } from '@generatrix/runtime';
import { type ChainStatistics, chainStatistics } from '@generatrix/training';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('./chain_statistics.py', import.meta.url));
const available = spawnSync('python3', ['-c', 'import numpy']).status === 0;
if (!available) console.log('skipped: statistics of chains in NumPy: no python3 with numpy');

/** Chains of x' = rho x + noise about places of their own. */
function chainsOf(rho: number, count: number, length: number, apart: number): number[][] {
  return Array.from({ length: count }, (_, chain) => {
    const random = randomStream(chain, `chains/${rho}/${length}`);
    let x = random.nextNormal();
    return Array.from({ length }, () => {
      x = rho * x + Math.sqrt(1 - rho * rho) * random.nextNormal();
      return x + apart * chain;
    });
  });
}

it.skipIf(!available)('statistics of chains are those that NumPy finds by FFT', () => {
  const all = [
    chainsOf(0, 4, 200, 0),
    chainsOf(0.9, 8, 501, 0),
    chainsOf(0.999, 3, 300, 0),
    chainsOf(0.5, 5, 100, 1),
    chainsOf(-0.9, 2, 1000, 0),
    chainsOf(0.3, 1, 64, 0),
    // Values that repeat, as of binary units.
    chainsOf(0.8, 6, 120, 0).map((chain) => chain.map((x) => Number(x > 0))),
    chainsOf(0.2, 2, 8, 0),
  ];
  const { stdout, stderr } = spawnSync('python3', [script], { encoding: 'utf8', input: JSON.stringify(all) });
  expect(stderr).toBe('');
  const expected = JSON.parse(stdout) as ChainStatistics[];
  expect(expected).toHaveLength(all.length);
  for (const [index, chains] of all.entries()) {
    const found = chainStatistics(chains);
    for (const [name, value] of Object.entries(expected[index]!)) {
      const ours = found[name as keyof ChainStatistics];
      expect(Math.abs(ours - value), `${name} of set ${index}`).toBeLessThan(
        1e-9 * Math.max(1, Math.abs(value)),
      );
    }
  }
});
