import { request as rawRequest } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSampler } from '../../model/load-node.ts';
import type { Sampler } from '../../model/sampler.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { binaryBody, bytesOf, type Inferred, infer, labelInput, z, zInput } from '../../testing/infer.ts';

let server: TestServer;
let sampler: Sampler;

beforeAll(async () => {
  server = await startTestServer();
  sampler = await loadSampler(`${server.engine.folder}/points`, { device: 'cpu' });
});
afterAll(async () => {
  await sampler.release();
  await server.end();
});

describe('binary tensor data', () => {
  const inputs = [
    { name: 'z', shape: [2, 3], datatype: 'FP32', parameters: { binary_data_size: 24 } },
    { name: 'label', shape: [2], datatype: 'INT64', parameters: { binary_data_size: 16 } },
  ];
  const tensors = [bytesOf(z), bytesOf(BigInt64Array.of(1n, 0n))];

  it('goes both ways', async () => {
    const { data } = await sampler.sample({ count: 2, seed: 9, label: Int32Array.of(1, 0) });
    const response = await server.fetch(infer(), {
      method: 'POST',
      ...binaryBody({ inputs, parameters: { binary_data_output: true } }, ...tensors),
    });
    expect(response.headers.get('Content-Type')).toBe('application/octet-stream');
    const length = Number(response.headers.get('Inference-Header-Content-Length'));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const head = JSON.parse(Buffer.from(bytes.subarray(0, length)).toString()) as Inferred;
    expect(head.outputs).toEqual([
      { name: 'data', shape: [2, 3], datatype: 'FP32', parameters: { binary_data_size: 24 } },
      { name: 'level', shape: [2], datatype: 'INT32', parameters: { binary_data_size: 8 } },
    ]);
    expect(new Float32Array(bytes.slice(length, length + 24).buffer)).toEqual(data.data);
    expect(new Int32Array(bytes.slice(length + 24).buffer)).toEqual(Int32Array.of(1, 0));
  });

  it('may be wanted of one output only, and mixed with JSON', async () => {
    const outputs = [{ name: 'data' }, { name: 'level', parameters: { binary_data: true } }];
    const response = await server.post(infer(), { inputs: [zInput, labelInput], outputs });
    const length = Number(response.headers.get('Inference-Header-Content-Length'));
    const bytes = Buffer.from(await response.arrayBuffer());
    const head = JSON.parse(bytes.subarray(0, length).toString()) as Inferred;
    expect(head.outputs[0]!.data).toHaveLength(6);
    expect(bytes.length - length).toBe(8);
  });

  it('with gzip, whose lengths are those of what is packed', async () => {
    const { body, headers } = binaryBody({ inputs }, ...tensors);
    const response = await server.fetch(infer(), {
      method: 'POST',
      body: new Uint8Array(gzipSync(body)),
      headers: { ...headers, 'Content-Encoding': 'gzip' },
    });
    expect(response.status).toBe(200);
  });

  it.each([
    ['more bytes than said', [...tensors, new Uint8Array(3)], {}, /^the body has 3 bytes more/],
    ['fewer bytes', [tensors[0]!], {}, /^input 'label': its 16 bytes go beyond the body's end$/],
    [
      'a header beyond the body',
      tensors,
      { 'Inference-Header-Content-Length': '99999' },
      /from 1 to the body's/,
    ],
    ['a header that is no number', tensors, { 'Inference-Header-Content-Length': '1e3' }, /got '1e3'$/],
    ['a negative header', tensors, { 'Inference-Header-Content-Length': '-1' }, /got '-1'$/],
    [
      'NaN',
      [bytesOf(z.map(() => Number.NaN)), tensors[1]!],
      {},
      /^input 'z': expected finite numbers, got NaN$/,
    ],
    [
      'an INT64 beyond 32 bits',
      [tensors[0]!, bytesOf(BigInt64Array.of(1n << 40n, 0n))],
      {},
      /^input 'label': 1099511627776 of INT64 is no INT32, which the model takes/,
    ],
  ] as [string, Uint8Array[], Record<string, string>, RegExp][])(
    '%s',
    async (_name, parts, extra, message) => {
      const { body, headers } = binaryBody({ inputs }, ...parts);
      const response = await server.fetch(infer(), {
        method: 'POST',
        body,
        headers: { ...headers, ...extra },
      });
      expect([response.status, await response.json()]).toEqual([
        400,
        { error: expect.stringMatching(message) },
      ]);
    },
  );
});

describe('compression', () => {
  it('unpacks bodies, and packs answers where the client takes it', async () => {
    const inputs = [{ ...labelInput, shape: [200], data: new Array(200).fill(1) }];
    for (const accepted of ['gzip', 'deflate', 'identity']) {
      const { encoding, bytes } = await new Promise<{ encoding?: string; bytes: Buffer }>(
        (resolve, reject) => {
          const headers = { 'Content-Encoding': 'gzip', 'Accept-Encoding': accepted };
          const request = rawRequest(server.url + infer(), { method: 'POST', headers }, (response) => {
            const parts: Buffer[] = [];
            response.on('data', (part: Buffer) => parts.push(part));
            response.once('end', () =>
              resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(parts) }),
            );
          });
          request.once('error', reject).end(gzipSync(JSON.stringify({ inputs, parameters: { seed: 1 } })));
        },
      );
      expect(encoding).toBe(accepted === 'identity' ? undefined : accepted);
      if (accepted === 'gzip') {
        const body = JSON.parse(gunzipSync(bytes).toString()) as Inferred;
        expect(body.outputs[0]!.shape).toEqual([200, 3]);
      }
    }
  });
});
