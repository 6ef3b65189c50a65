import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerContext } from './context.ts';
import type { Closing, Listener } from './listen.ts';

/** For the first request of a connection that was opened just before the end, ms. */
const firstRequestMs = 500;

/**
 * Ends the server so that nothing accepted is lost: readiness drops, balancers get the grace time to notice, no more
 * connections are taken, open requests end, the engine finishes its queue. Connections on which no request begins are
 * closed, and what is still open after the time limit is cut.
 * @param others what listens beside HTTP
 * @param drop makes readiness fail from now on
 */
export async function shutDown(
  { config, engine, logger, telemetry, text }: ServerContext,
  { listeners, others }: { readonly listeners: readonly Listener[]; readonly others: readonly Closing[] },
  drop: () => void,
): Promise<void> {
  logger.info({ graceMs: config.shutdownGraceMs }, 'shutting down: not ready any more');
  drop();
  await sleep(config.shutdownGraceMs);
  const late = setTimeout(() => {
    logger.warn('open requests are cut: the time for shutdown is over');
    for (const { server } of listeners) server.closeAllConnections();
    for (const other of others) other.cut();
    // Requests that wait in the queue fail now, and `drain` returns.
    void engine.close();
  }, config.shutdownTimeoutMs);
  // A connection that becomes idle after `close` would be kept for its keep-alive time.
  const idle = setInterval(() => {
    for (const { server } of listeners) server.closeIdleConnections();
  }, 50);
  const silent = setTimeout(() => {
    for (const { closeSilent } of listeners) closeSilent();
  }, firstRequestMs);
  try {
    await Promise.all([...listeners.map(closed), ...others.map((other) => other.close())]);
    await engine.drain();
  } finally {
    clearTimeout(late);
    clearTimeout(silent);
    clearInterval(idle);
  }
  await Promise.all([engine.close(), telemetry?.close()]);
  await text.close();
  logger.info('stopped');
  logger.flush();
}

function closed({ server }: Listener): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
