import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { pageHeaders } from '@generatrix/runtime/serve';
import express from 'express';

/** How many ports after the wanted one are tried when it is taken. */
const portsTried = 20;

export interface SiteServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Folder of the web page's package, found from where it is installed. */
function siteFolder(): string {
  const require = createRequire(import.meta.url);
  try {
    return dirname(require.resolve('@generatrix/web-demo/package.json'));
  } catch {
    throw new UserError('the package @generatrix/web-demo is not installed: the page cannot be served');
  }
}

/** Folder of the built page, if there is one. */
export function builtSite(): string | undefined {
  try {
    const built = join(siteFolder(), 'dist-site');
    return existsSync(join(built, 'index.html')) ? built : undefined;
  } catch {
    return undefined;
  }
}

/** Builds the page with Vite, if this is a checkout, and returns the folder of its static files. */
export async function buildSite(): Promise<string> {
  const folder = siteFolder();
  const built = join(folder, 'dist-site');
  if (existsSync(join(folder, 'vite.config.ts'))) {
    const vite = createRequire(join(folder, 'package.json')).resolve('vite/package.json');
    await run(process.execPath, [join(dirname(vite), 'bin/vite.js'), 'build', '--logLevel', 'warn'], folder);
  }
  if (!existsSync(join(built, 'index.html'))) throw new UserError(`${built}: the page is not built`);
  return built;
}

/** Runs a command without a word; what it says on standard error is told when it fails. */
function run(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new UserError(`${cwd}: the page cannot be built: ${lastLine(said) || `status ${code}`}`));
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.trim();
}

/**
 * Serves the page and the bundles of a folder on the loopback interface. `models/index.json` lists the bundles
 * found, so that the page knows what to offer.
 * @param port the first port to try; the next free one is taken. 0 lets the system choose.
 */
export async function serveSite(site: string, models: string, port: number): Promise<SiteServer> {
  const app = express();
  app.disable('x-powered-by');
  app.use(pageHeaders());
  app.use((_, response, next) => {
    response.set('Cache-Control', 'no-cache');
    next();
  });
  app.get('/models/index.json', async (_, response) => {
    response.json(await listBundles(models));
  });
  app.get('/favicon.ico', (_, response) => {
    response.status(204).end();
  });
  app.use('/models', express.static(models, { fallthrough: false, dotfiles: 'deny' }));
  app.use(express.static(site));
  // Without it express would print what a page asked for in vain, with a stack trace.
  const notServed: express.ErrorRequestHandler = (error: { status?: number }, _request, response, _next) => {
    response.sendStatus(error.status ?? 500);
  };
  app.use(notServed);
  const server = await listen(app, port);
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function listBundles(models: string): Promise<{ name: string; path: string; title: string }[]> {
  const entries = await readdir(models, { withFileTypes: true });
  const bundles = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) => {
        try {
          const manifest = JSON.parse(await readFile(join(models, name, 'model.json'), 'utf8')) as {
            name?: string;
          };
          return { name, path: `models/${name}`, title: manifest.name ?? name };
        } catch {
          // A folder without a readable manifest is no bundle, and no business of the page's.
          return null;
        }
      }),
  );
  return bundles.filter((bundle) => bundle !== null);
}

async function listen(app: express.Express, port: number): Promise<Server> {
  const last = port === 0 ? 0 : Math.min(65_535, port + portsTried);
  for (let candidate = port; ; candidate++) {
    const server = await tryListen(app, candidate);
    if (server !== null) return server;
    if (candidate >= last) throw new UserError(`--port: ports ${port} to ${last} are all taken`);
  }
}

function tryListen(app: express.Express, port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, '127.0.0.1');
    server.once('listening', () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
  });
}
