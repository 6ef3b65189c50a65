import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** A project of a user's own, outside the checkout. */
export interface Project {
  readonly folder: string;
  /** Writes a file of the project. */
  write(path: string, text: string): string;
  /** Installs packages by their names, as `npm install` does. @throws with npm's words when that fails. */
  install(...names: string[]): void;
  /** Runs a program of `node_modules/.bin`, or `node`. @throws with what it says when it fails. */
  run(command: string, ...args: string[]): string;
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
    ([name]) => !/^(npm_|NODE_|VITE|GENERATRIX_)/i.test(name) && name !== 'PATH',
  );
  const env = {
    ...Object.fromEntries(kept),
    PATH: [join(folder, 'node_modules/.bin'), dirname(node), process.env.PATH].join(delimiter),
    GENERATRIX_THREADS: '1',
  };
  const said = (command: string, { status, stdout, stderr }: SpawnSyncReturns<string>) => {
    if (status !== 0) throw new Error(`${command}: status ${status}\n${stdout}\n${stderr}`);
    return stdout;
  };
  return {
    folder,
    write,
    install(...names) {
      const flags = ['install', '--registry', registry, '--prefer-offline', '--no-audit', '--no-fund'];
      execFileSync('npm', [...flags, ...names], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
    },
    run(command, ...args) {
      const name = [command, ...args].join(' ');
      return said(name, spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' }));
    },
  };
}
