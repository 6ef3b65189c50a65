import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { randomStream } from '@generatrix/runtime/core';
import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await writeServedBundles(['vae', 'made']);
  server = await serveFolder(folder, {
    maxCount: 32,
    maxBodyBytes: 65_536,
    headersTimeoutMs: 200,
    requestTimeoutMs: 400,
    keepAliveTimeoutMs: 400,
    corsOrigins: ['https://a.example'],
  });
});
afterAll(async () => {
  await server.stop();
  await removeFolder(folder);
});

const image = Array.from({ length: 6 }, () => Array.from({ length: 5 }, () => [0.5]));
const latent = { name: 'latent', shape: [1, 3], datatype: 'FP32', data: [0.1, 0.2, 0.3] };

/** Requests that are right, to be spoilt. */
const seeds: readonly [string, string, unknown][] = [
  ['GET', '/v1/models', undefined],
  ['GET', '/v1/models/vae?version=1', undefined],
  ['GET', '/v2', undefined],
  ['GET', '/v2/health/ready', undefined],
  ['GET', '/v2/models/vae/versions/1', undefined],
  ['GET', '/models/vae/model.json', undefined],
  ['GET', '/docs', undefined],
  [
    'POST',
    '/v1/models/vae/samples?layout=grid',
    { count: 2, seed: 1, first_index: 3, format: 'png', scale: 2 },
  ],
  ['POST', '/v1/models/made/samples', { count: 2, seed: '17', temperature: 0.5 }],
  ['POST', '/v1/models/made/complete', { given: image, rows: 2, seed: 1, temperature: 0.9 }],
  ['POST', '/v1/models/vae/logprob', { data: [image, image], samples: 2 }],
  ['POST', '/v1/models/vae/encode', { data: image, seed: 3 }],
  ['POST', '/v1/models/vae/decode', { latent: [[0.1, 0.2, 0.3]] }],
  ['POST', '/v1/models/vae/interpolate', { from: { seed: 1, index: 2 }, to: 2, steps: 3, method: 'linear' }],
  ['POST', '/v2/models/vae/infer', { id: 'a', inputs: [], parameters: { seed: 1, count: 2 } }],
  [
    'POST',
    '/v2/models/vae_decode/infer',
    { inputs: [latent], outputs: [{ name: 'data', parameters: { binary_data: true } }] },
  ],
  ['POST', '/v2/repository/index', { ready: true }],
];

const nastyValues: readonly string[] = [
  'null',
  'true',
  '-1',
  '0',
  '1.5',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740993',
  '""',
  '"x"',
  '[]',
  '{}',
  '[[[]]]',
  '[null]',
  '"\\u0000"',
  '"\\ud800"',
  '{"__proto__": {"a": 1}}',
  '{"constructor": 1}',
  `"${'9'.repeat(3000)}"`,
  `${'['.repeat(40)}${']'.repeat(40)}`,
  '2147483648',
  '[1, [2]]',
  'NaN',
  '-',
  '0x10',
];
const nastyHeaders: readonly string[] = [
  'Content-Type: text/plain',
  'Content-Type: application/json; charset=utf-16',
  'Content-Type: ',
  'Content-Type: ;;;',
  'Content-Encoding: gzip',
  'Content-Encoding: br',
  'Content-Encoding: what',
  'Inference-Header-Content-Length: 5',
  'Inference-Header-Content-Length: 99999999999999',
  'Inference-Header-Content-Length: 0',
  'Accept: image/png',
  'Accept: text/html',
  'Accept: audio/wav;q=x',
  'Accept: ;;,,',
  'Accept: */*;q=0',
  'Accept-Encoding: br;q=9',
  'Transfer-Encoding: chunked',
  'Content-Length: -5',
  'Content-Length: 3',
  'Expect: 100-continue',
  'Expect: x',
  'Range: bytes=0-1',
  'Range: bytes=9-1',
  'If-None-Match: *',
  'X-Request-Id: \x01',
  'Origin: https://a.example',
  'Authorization: Bearer',
  'X-Forwarded-For: a, b',
  'Upgrade: websocket',
  'Connection: upgrade',
  'Cookie: a=b',
];
const methods = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'PATCH', 'BREW'];

type Random = (below: number) => number;
const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

/** Bytes of one spoilt request. */
function spoilt(random: Random): Buffer {
  const [seedMethod, seedPath, body] = pick(random, seeds);
  let [method, path] = [seedMethod, seedPath];
  const headers = ['Host: localhost', 'Connection: close'];
  let text = body === undefined ? '' : JSON.stringify(body);
  let bytes: Buffer | undefined;
  let flips = 0;
  let cut = false;
  for (let i = random(3); i >= 0; i--) {
    switch (random(11)) {
      case 0:
      case 1:
      case 2: {
        // Another value for one of the body's values.
        const values = [...text.matchAll(/(?<=[:,[])(?:[\d.]+|"[^"]*"|true)/g)];
        if (values.length === 0) break;
        const { index, 0: old } = pick(random, values);
        text = text.slice(0, index) + pick(random, nastyValues) + text.slice(index + old.length);
        break;
      }
      case 3:
        text = text.slice(0, random(text.length + 1));
        break;
      case 4:
        text = text.replace(/"(\w+)":/, `"${pick(random, ['__proto__', 'count', 'x', '', 'constructor'])}":`);
        break;
      case 5:
      case 6:
        headers.push(pick(random, nastyHeaders));
        break;
      case 7:
        method = pick(random, methods);
        break;
      case 8: {
        const at = random(path.length);
        path =
          path.slice(0, at) +
          pick(random, ['%', '%00', '%2e%2e/', '//', '?', '%ff', 'é', '[', '__proto__', '#']) +
          path.slice(at);
        break;
      }
      case 9:
        flips = 1 + random(3);
        break;
      default:
        if (random(4) === 0) cut = true;
        else bytes = gzipSync(text);
    }
  }
  if (bytes) headers.push('Content-Encoding: gzip');
  const payload = bytes ?? Buffer.from(text);
  if (body !== undefined) headers.push('Content-Type: application/json', `Content-Length: ${payload.length}`);
  const request = Buffer.concat([
    Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`),
    payload,
  ]);
  for (; flips > 0; flips--) request[random(request.length)]! ^= 1 << random(8);
  return cut ? request.subarray(0, random(request.length)) : request;
}

function send(bytes: Uint8Array): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    // A connection that is reset after an answer has given its answer.
    socket.on('error', () => undefined).once('close', () => resolve(answer));
  });
}

it('3000 spoilt requests: no crash, no 5xx, one clear sentence each', { timeout: 300_000 }, async () => {
  const stream = randomStream(20, 'fuzz');
  const random: Random = (below) => stream.nextInt(below);
  const requests = Array.from({ length: 3000 }, () => spoilt(random));
  const codes: Record<string, number> = {};
  let next = 0;
  const client = async () => {
    for (let i = next++; i < requests.length; i = next++) {
      const answer = await send(requests[i]!);
      const where = `request ${i}: ${requests[i]!.toString('latin1').slice(0, 600)}\n--- ${answer.slice(0, 600)}`;
      // Bits flipped in the version or the connection header can leave nothing to answer.
      if (answer === '') {
        codes.none = (codes.none ?? 0) + 1;
        continue;
      }
      const code = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
      codes[code] = (codes[code] ?? 0) + 1;
      expect(code, where).toBeGreaterThanOrEqual(100);
      expect(code, where).toBeLessThan(500);
      const body = answer.slice(answer.lastIndexOf('\r\n\r\n') + 4);
      if (code < 400 || body === '' || /chunked|content-encoding/i.test(answer)) continue;
      const { error } = JSON.parse(body) as { error: string };
      expect(error, where).toMatch(/^[^\n]{5,400}$/);
      expect(error, where).not.toMatch(/ at \S+ \(|node:|\.[tj]s:|\/tmp\//);
    }
  };
  await Promise.all(Array.from({ length: 64 }, client));
  console.log(`answers by status: ${JSON.stringify(codes)}`);
  // The spoilt requests reach every layer.
  for (const code of [200, 400, 404, 405, 406, 408, 413, 415, 417]) {
    if (code !== 413) expect([code, (codes[code] ?? 0) > 0]).toEqual([code, true]);
  }
  expect(codes.none ?? 0).toBeLessThan(30);
  // The last clients left before their answers were drawn: those runs end on their own.
  await expect.poll(() => server.engine.pending().requests, { timeout: 30_000 }).toBe(0);
  const after = await fetch(`${server.url}/v1/models/vae/samples`, { method: 'POST' });
  expect(after.status).toBe(200);
});
