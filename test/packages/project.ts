import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A project of a user's own, outside the checkout. */
export interface Project {
  readonly folder: string;
  /** Writes a file of the project. */
  write(path: string, text: string): string;
  /** Installs packages by their names, as `npm install` does. @throws with npm's words when that fails. */
  install(...names: string[]): Promise<void>;
  /** Runs a program of `node_modules/.bin`, or `node`; resolves to what it prints. @throws with what it says when it fails. */
  run(command: string, ...args: string[]): Promise<string>;
}

/**
 * An empty project.
 * @param registry address that npm asks for packages
 * @param node path of the Node that runs its commands
 */
export function emptyProject(registry: string, node = process.execPath): Project {
  const folder = mkdtempSync(join(tmpdir(), 'generatrix-project-'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    return join(folder, path);
  };
  write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }));
  // What the tests are run with is not to show: a user has a plain shell.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_(?!EXTRA_CA_CERTS)|VITE|GENERATRIX_)/i.test(name) && name !== 'PATH',
  );
  const env = {
    ...Object.fromEntries(kept),
    PATH: [join(folder, 'node_modules/.bin'), dirname(node), process.env.PATH].join(delimiter),
    GENERATRIX_THREADS: '1',
  };
  const run = async (command: string, ...args: string[]) => {
    try {
      const { stdout } = await promisify(execFile)(command, args, { cwd: folder, env, maxBuffer: 2 ** 26 });
      return stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string };
      throw new Error(`${[command, ...args].join(' ')}:\n${stdout}\n${stderr}`, { cause: error });
    }
  };
  return {
    folder,
    write,
    run,
    async install(...names) {
      const flags = ['--registry', registry, '--prefer-offline', '--no-audit', '--no-fund'];
      await run('npm', 'install', ...flags, ...names);
    },
  };
}
