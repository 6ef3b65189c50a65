import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerContext } from './context.ts';

/**
 * Ends the server so that nothing accepted is lost: readiness drops, balancers get the grace time to notice, no more
 * connections are taken, open requests end, the engine finishes its queue. What is still open after the time limit
 * is cut.
 * @param drop makes readiness fail from now on
 */
export async function shutDown(
  { config, engine, logger }: ServerContext,
  servers: readonly Server[],
  drop: () => void,
): Promise<void> {
  logger.info({ graceMs: config.shutdownGraceMs }, 'shutting down: not ready any more');
  drop();
  await sleep(config.shutdownGraceMs);
  const late = setTimeout(() => {
    logger.warn('open requests are cut: the time for shutdown is over');
    for (const server of servers) server.closeAllConnections();
    // Requests that wait in the queue fail now, and `drain` returns.
    void engine.close();
  }, config.shutdownTimeoutMs);
  // A connection that becomes idle after `close` would be kept for its keep-alive time.
  const idle = setInterval(() => {
    for (const server of servers) server.closeIdleConnections();
  }, 50);
  try {
    await Promise.all(servers.map(closed));
    await engine.drain();
  } finally {
    clearTimeout(late);
    clearInterval(idle);
  }
  await engine.close();
  logger.info('stopped');
  logger.flush();
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
