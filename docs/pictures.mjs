/**
 * Makes the pictures of README again: `npm run pictures`. Takes the tour in a temporary folder (2,000 steps of a VAE on
 * drawn digits, EM of a mixture on a ring) and keeps what it sampled with seed 42.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pictures = join(root, 'docs', 'pictures');
const tour = mkdtempSync(join(tmpdir(), 'generatrix-pictures-'));
try {
  const command = join(root, 'training', 'cli', 'bin', 'generatrix.mjs');
  const { status } = spawnSync(process.execPath, [command, 'start', '--no-serve', '--out', tour], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0)
    throw new Error(`generatrix start ended with status ${status}; the pictures stay as they were`);
  mkdirSync(pictures, { recursive: true });
  for (const name of ['vae', 'gmm']) {
    copyFileSync(join(tour, 'runs', 'start', name, 'samples.png'), join(pictures, `${name}.png`));
  }
} finally {
  rmSync(tour, { recursive: true, force: true });
}
