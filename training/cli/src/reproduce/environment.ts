import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { version } from '../version.ts';
import type { ReproductionRecord } from './record.ts';

const run = promisify(execFile);

/** What figures were made by. */
export async function environmentOf(
  engine: string,
  threads: number | undefined,
): Promise<ReproductionRecord['environment']> {
  return {
    ...{ generatrix: version, commit: await sourceCommit(), node: process.version, engine },
    ...{ threads: threads ?? null, processor: cpus()[0]?.model ?? 'unknown' },
    platform: `${platform()} ${arch()}`,
  };
}

/** The commit of this program's own source, with `+` where files differ from it; null for an installed package. */
async function sourceCommit(): Promise<string | null> {
  try {
    const root = fileURLToPath(new URL('../../../../', import.meta.url));
    const { name } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { name?: string };
    if (name !== 'generatrix-monorepo') return null;
    const head = await run('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: root });
    const changed = await run('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: root });
    return `${head.stdout.trim()}${changed.stdout.trim() === '' ? '' : '+'}`;
  } catch {
    return null;
  }
}
