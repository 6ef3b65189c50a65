import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateBytes, treeOf } from './processor-time.ts';
import { startServer } from './server-process.ts';

/**
 * Memory that a bundle takes of a server that nobody asks anything, all its processes together, bytes: what a server of
 * `copies` bundles takes more than a server of one, for each.
 */
export async function memoryOfBundle(
  bundle: string,
  copies: number,
  flags: readonly string[],
): Promise<number> {
  const [one, all] = [await idleBytes(bundle, 1, flags), await idleBytes(bundle, copies, flags)];
  return (all - one) / (copies - 1);
}

async function idleBytes(bundle: string, copies: number, flags: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-bench-memory-'));
  try {
    for (let i = 0; i < copies; i++) {
      await mkdir(join(folder, `copy${i}`));
      await cp(bundle, join(folder, `copy${i}`), { recursive: true });
    }
    const server = await startServer(folder, flags);
    try {
      return treeOf(server.pid).reduce((sum, pid) => sum + privateBytes(pid), 0);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
