import { loadConfig, type RunningServer, type ServeConfig, startServer } from '@generatrix/runtime/serve';
import { siteOf } from '../serve.ts';

/** The server's settings; those left out have the defaults that `generatrix serve --help` says. */
export interface ServeOptions extends Partial<Omit<ServeConfig, 'models'>> {
  /** Stops the server in order when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Serves every bundle of a folder over HTTP, as `generatrix serve` does; port 0 takes a free one.
 * @param models folder whose sub-folders are bundles, NAME/ or NAME/VERSION/
 * @returns the server, which listens: its `url`, and `stop()`
 * @throws UserError when a setting is out of range, or the port is taken.
 */
export async function serve(
  models: string,
  { signal, ...options }: ServeOptions = {},
): Promise<RunningServer> {
  const flags = Object.fromEntries(
    Object.entries({ ...options, models }).map(([name, value]) => [
      name,
      typeof value === 'boolean' || value === undefined ? value : textOf(value),
    ]),
  );
  const config = await loadConfig({ flags });
  const site = await siteOf(config);
  const server = await startServer(config, { site });
  signal?.addEventListener('abort', () => void server.stop(), { once: true });
  if (signal?.aborted) await server.stop();
  return server;
}

/** A setting as its flag would have it. */
function textOf(value: unknown): string {
  return typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value);
}
