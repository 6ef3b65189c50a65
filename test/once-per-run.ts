import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Folder that all test files of a run share; set by the global setup, absent outside vitest. */
const shared = process.env.GENERATRIX_TEST_SHARED;

/**
 * Copies to a folder what several test files need and what takes long to make: a built site, a bundle. The first to
 * ask makes it, in a folder that is given to it; the others wait for it.
 * @param key tells apart what is made
 * @throws what making it threw, in every file that asks.
 */
export async function madeOnce(
  key: string,
  to: string,
  make: (folder: string) => Promise<void>,
): Promise<void> {
  await mkdir(to, { recursive: true });
  if (shared === undefined) return make(to);
  const name = createHash('sha256').update(key).digest('hex').slice(0, 24);
  const [done, failed] = [join(shared, name), join(shared, `${name}.failed`)];
  const isMine = await mkdir(join(shared, `${name}.taken`)).then(
    () => true,
    () => false,
  );
  if (isMine) {
    const unfinished = await mkdtemp(join(tmpdir(), 'generatrix-once-'));
    try {
      await make(unfinished);
    } catch (error) {
      await writeFile(failed, (error as Error).stack ?? String(error));
      throw error;
    }
    await rename(unfinished, done);
  }
  while (!(await exists(done))) {
    if (await exists(failed))
      throw new Error(`${key}: another test file failed: ${await readFile(failed, 'utf8')}`);
    await wait(100);
  }
  await cp(done, to, { recursive: true });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
