import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { loadConfig } from './config.ts';
import type { ServeConfig } from './config-schema.ts';

let folder: string;
let socket: string;
const servers: TestServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-socket-'));
  socket = join(folder, 's.sock');
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.end();
  await rm(folder, { recursive: true, force: true });
});

async function start(settings: Partial<ServeConfig> = {}): Promise<TestServer> {
  const server = await startTestServer({ socket, ...settings });
  servers.push(server);
  return server;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: unknown;
}

/** Asks through the socket. */
function ask(path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath: socket,
        path,
        method: body ? 'POST' : 'GET',
        headers: { Host: 'localhost', 'Content-Type': 'application/json' },
      },
      async (response) => {
        const parts = (await response.toArray()) as Buffer[];
        resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(parts).toString()) });
      },
    );
    sent.once('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Leaves a socket behind that nobody listens on: the process ends without closing it. */
function leaveBehind(): void {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script, socket]);
}

describe('a server on a Unix domain socket', () => {
  it('answers there, to its owner alone, and removes it when it stops', async () => {
    const server = await start();
    expect(server.url).toBe(`unix:${socket}`);
    expect(await mode(socket)).toBe('600');
    expect(await ask('/v1/models/points/samples', { seed: 1, count: 2 })).toMatchObject({
      status: 200,
      body: { count: 2 },
    });
    await server.stop();
    expect(await exists(socket)).toBe(false);
  });

  it('lets in whom socketMode says', async () => {
    await start({ socketMode: '660' });
    expect(await mode(socket)).toBe('660');
  });

  it('removes it when it is killed', async () => {
    const server = await start();
    await server.kill();
    expect(await exists(socket)).toBe(false);
  });

  it('stops though a connection is open on which no request has begun', async () => {
    const server = await start();
    const silent = [connect(socket), connect(socket)];
    await Promise.all(silent.map((one) => new Promise((resolve) => one.once('connect', resolve))));
    // One that has begun is not taken for one of those.
    expect((await ask('/v2/health/live')).status).toBe(200);
    const closed = Promise.all(silent.map((one) => new Promise((resolve) => one.once('close', resolve))));
    await server.stop();
    await closed;
  });

  it('counts the requests of all who come by it as one', async () => {
    await start({ rateLimitPerMinute: 2 });
    const codes = [];
    for (let i = 0; i < 3; i++) codes.push((await ask('/v2')).status);
    expect(codes).toEqual([200, 200, 429]);
  });

  it('takes the place of a socket that a dead server has left', async () => {
    leaveBehind();
    expect(await exists(socket)).toBe(true);
    await start();
    expect((await ask('/v2/health/live')).status).toBe(200);
  });
});

describe('what is there is left alone', () => {
  const refused = (settings: Partial<ServeConfig> = {}) =>
    start(settings).then(
      () => 'it started',
      (error: unknown) => (error instanceof UserError ? error.message.replaceAll(folder, '') : String(error)),
    );

  it('when another server listens', async () => {
    await start();
    expect(await refused()).toBe(
      '--socket /s.sock: another server listens there: end that server, or give another path',
    );
    expect((await ask('/v2/health/live')).status).toBe(200);
  });

  it('when it is no socket, or a link to one', async () => {
    await writeFile(socket, 'precious');
    const message = '--socket /s.sock: there is a file that is no socket: remove it, or give another path';
    expect(await refused()).toBe(message);
    expect(await readFile(socket, 'utf8')).toBe('precious');
    await rm(socket);
    leaveBehind();
    const link = join(folder, 'link');
    await symlink(socket, link);
    expect(await refused({ socket: link })).toBe(message.replace('s.sock', 'link'));
    expect(await exists(socket)).toBe(true);
  });

  it('and a path that cannot be made says why', async () => {
    const message = (path: string) =>
      `--socket ${path}: expected a folder that is there and can be written to: make one, or give another path`;
    expect(await refused({ socket: join(folder, 'none', 's') })).toBe(message('/none/s'));
    expect(await refused({ socket: `/${'x'.repeat(200)}` })).toMatch(
      /^--socket \/x+: expected a path of at most \d+ bytes, got one of 201: give a shorter one$/,
    );
    await mkdir(join(folder, 'shut'), { mode: 0o500 });
    // Nothing is shut to the superuser.
    if (process.getuid?.() === 0) return;
    expect(await refused({ socket: join(folder, 'shut', 's') })).toBe(message('/shut/s'));
  });
});

it.each([
  [{ tlsCert: 'a', tlsKey: 'b' }, '--socket: a socket takes no TLS: leave out tlsCert and tlsKey'],
  [{ socketMode: '999' }, '--socket-mode: expected permission bits such as 660, got "999"'],
])('wrong settings are refused in one line: %j', async (flags, message) => {
  await expect(loadConfig({ flags: { models: 'm', socket: '/s', ...flags } })).rejects.toThrow(
    new UserError(message),
  );
});
