import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { type ChannelCredentials, Client, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommand } from '../cli/run-command.ts';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

let folder: string;

beforeAll(async () => {
  folder = await writeServedBundles(['gmm']);
  await mkdir(join(folder, 'broken'));
  await writeFile(join(folder, 'broken', 'model.json'), '{"format": "generatrix-bundle"');
});
afterAll(() => removeFolder(folder));

/** Starts the command and waits until it says that it listens. */
async function serve(args: readonly string[], environment: Record<string, string> = {}) {
  const { child, outcome } = startCommand(
    ['serve', folder, '--port', '0', '--site', 'none', ...args],
    environment,
  );
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', (part: string) => {
      text += part;
      const found = /listening on (\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
    child.once('exit', () => reject(new Error(`it ended: ${text}`)));
  });
  return { child, outcome, url };
}

describe('generatrix serve', () => {
  it('says what it serves and what it refuses, and ends in order at SIGTERM', async () => {
    const { child, outcome, url } = await serve(['--shutdown-grace-ms', '500', '--workers', '1'], {
      GENERATRIX_MAX_COUNT: '7',
    });
    const post = (body: object) =>
      fetch(`${url}/v1/models/gmm/samples`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post({ count: 7 })).status).toBe(200);
    expect((await post({ count: 8 })).status).toBe(400);
    child.kill('SIGTERM');
    await expect.poll(async () => (await fetch(`${url}/v2/health/ready`)).status).toBe(503);
    expect((await post({ count: 1 })).status).toBe(200);
    const { status, stdout, stderr } = await outcome;
    expect(status).toBe(0);
    expect(stdout).toMatch(/^serving gmm version 1 \(gmm\): sample, /m);
    expect(stdout).toMatch(/^refused broken version 1: .*model\.json is not JSON/m);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.at(-1)!.msg).toBe('stopped');
  });

  it('ends at once at a second signal', async () => {
    const { child, outcome } = await serve(['--shutdown-grace-ms', '60000', '--workers', '1']);
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGINT');
    expect((await outcome).status).toBe(1);
  });

  it('refuses wrong settings in one line', async () => {
    for (const [args, message] of [
      [['--port', '-1'], 'generatrix: --port: expected number to be >=0, got -1\n'],
      [
        ['--config', join(folder, 'none.json')],
        /^generatrix: .*none\.json: the configuration cannot be read/,
      ],
      [['--site', folder], /^generatrix: site .*: there is no index\.html/m],
    ] as const) {
      const { status, stderr } = await startCommand(['serve', folder, ...args]).outcome;
      expect(status).toBe(1);
      expect(stderr).toMatch(message);
    }
  });
});

describe('TLS', () => {
  const files = () => ({ tlsCert: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') });

  it('answers by TLS with the certificate given', async ({ skip }) => {
    const { tlsCert, tlsKey } = files();
    try {
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-subj',
          '/CN=localhost',
          '-days',
          '2',
          '-keyout',
          tlsKey,
          '-out',
          tlsCert,
        ],
        { stdio: 'ignore' },
      );
    } catch {
      skip('openssl is not installed: no certificate to test with');
    }
    const server = await serveFolder(folder, { ...files(), grpcPort: 0, readyWhen: 'any' });
    expect(server.url).toMatch(/^https:/);
    const answer = await new Promise<{ status?: number; security?: unknown }>((resolve, reject) => {
      request(`${server.url}/v2`, { rejectUnauthorized: false }, (response) => {
        const security = response.headers['strict-transport-security'];
        response.resume().once('end', () => resolve({ status: response.statusCode, security }));
      })
        .once('error', reject)
        .end();
    });
    expect(answer).toEqual({ status: 200, security: expect.stringContaining('max-age=') });
    const serving = (by: ChannelCredentials) => {
      const client = new Client(server.grpcAddress!, by, { 'grpc.ssl_target_name_override': 'localhost' });
      return new Promise<number | string>((resolve) => {
        client.makeUnaryRequest(
          '/grpc.health.v1.Health/Check',
          () => Buffer.from([]),
          (bytes) => bytes[1]!,
          {},
          { deadline: Date.now() + 10_000 },
          (error, code) => resolve(error ? status[error.code]! : code!),
        );
      }).finally(() => client.close());
    };
    // 1: SERVING. Without TLS, or with another authority, nobody gets in.
    expect(await serving(credentials.createSsl(await readFile(tlsCert)))).toBe(1);
    expect(await serving(credentials.createSsl())).toBe('UNAVAILABLE');
    expect(await serving(credentials.createInsecure())).toBe('UNAVAILABLE');
    await server.stop();
  });

  it('needs files that can be read', async () => {
    await expect(serveFolder(folder, { tlsCert: '/nowhere', tlsKey: '/nowhere' })).rejects.toThrow(
      /^--tls-cert \/nowhere: cannot be read/,
    );
  });
});
