import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { madeOnce } from '../once-per-run.ts';
import { emptyProject, type Project } from './project.ts';
import { startRegistry } from './registry.ts';

const packer = fileURLToPath(new URL('../dist/packages/main.js', import.meta.url));

/** Projects outside of the checkout, which install the packed packages by their names. */
export interface Outside {
  /** An empty project. @param node path of the Node that runs its commands; this one when absent */
  newProject(node?: string): Project;
  /** Removes everything. */
  close(): Promise<void>;
}

/**
 * Packs all packages, once in a run of the tests, and starts a registry that has them.
 * @throws what packing throws, as it does for any fault that publint or "are the types wrong" find.
 */
export async function openOutside(): Promise<Outside> {
  const packed = await mkdtemp(join(tmpdir(), 'generatrix-packed-'));
  await madeOnce('packed packages', packed, async (folder) => {
    await promisify(execFile)(process.execPath, [packer, folder, '--this-platform']);
  });
  const registry = await startRegistry((await readdir(packed)).map((file) => join(packed, file)));
  const projects: Project[] = [];
  return {
    newProject(node) {
      const project = emptyProject(registry.url, node);
      projects.push(project);
      return project;
    },
    async close() {
      registry.close();
      for (const folder of [packed, ...projects.map((project) => project.folder)]) {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
