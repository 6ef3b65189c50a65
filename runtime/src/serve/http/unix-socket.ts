import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { UserError } from '../../errors.ts';

/** Bytes of a path that the system's address has room for; Node would cut a longer one off. */
const longestPath = process.platform === 'linux' ? 107 : 103;

/**
 * Listens on a Unix domain socket. One that a server left behind which ended without removing it is removed; any other
 * file stays. It is there while the server listens: closing the server removes it.
 * @param mode who may connect: the file's permission bits
 * @throws UserError when something is there that is in use, or no socket, or none can be made there.
 */
export async function listenOnSocket(server: Server, path: string, mode: number): Promise<void> {
  const full = resolve(path);
  const bytes = Buffer.byteLength(full);
  if (bytes > longestPath) {
    throw new UserError(
      `--socket ${path}: expected a path of at most ${longestPath} bytes, got one of ${bytes}: give a shorter one`,
    );
  }
  try {
    await bind(server, full, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw socketError(path, error);
    await removeStale(path, full);
    await bind(server, full, mode).catch((again: unknown) => {
      throw socketError(path, again);
    });
  }
  // Where the mask could not be set: threads share that of the process.
  if (!isMainThread) await chmod(full, mode);
}

/** The file is made with its mode, so that nobody else can connect before that is set. */
function bind(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((done, fail) => {
    const onError = (error: Error) => fail(error);
    server.once('error', onError);
    const mask = isMainThread ? process.umask(0o777 & ~mode) : undefined;
    try {
      server.listen(path, () => {
        server.off('error', onError);
        done();
      });
    } finally {
      if (mask !== undefined) process.umask(mask);
    }
  });
}

/** @throws UserError when what is there is no socket, or one that somebody listens on or that cannot be asked. */
async function removeStale(path: string, full: string): Promise<void> {
  const found = await lstat(full).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new UserError(
      `--socket ${path}: there is a file that is no socket: remove it, or give another path`,
    );
  }
  const code = await connectionError(full);
  if (code === 'ECONNREFUSED') {
    await unlink(full).catch((error: unknown) => {
      throw socketError(path, error);
    });
    return;
  }
  if (code === 'ENOENT') return;
  const why = code === null ? 'another server listens there' : `it is in use (${code})`;
  throw new UserError(`--socket ${path}: ${why}: end that server, or give another path`);
}

/** The code of the error that a connection fails with; null when somebody listens. */
function connectionError(path: string): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect(path, () => {
      socket.destroy();
      done(null);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => done(code ?? 'unknown'));
  });
}

function socketError(path: string, error: unknown): UserError {
  const { code, message } = error as NodeJS.ErrnoException;
  // Node says EACCES where the folder is missing, too.
  if (['ENOENT', 'EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) {
    return new UserError(
      `--socket ${path}: expected a folder that is there and can be written to: make one, or give another path`,
    );
  }
  return new UserError(`--socket ${path}: ${message}`);
}
