import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { TableColumn } from '../../program/table-columns.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';

let server: TestServer;

const columns: readonly TableColumn[] = [
  { kind: 'number', name: 'size', modes: [{ mean: 5, std: 1, weight: 1 }], range: [0, 10], decimals: 1 },
  { kind: 'category', name: 'a, or b', values: ['a "x"'] },
];

beforeAll(async () => {
  server = await startTestServer();
  const { engine } = server;
  const plain = engine.model.bind(engine);
  // The test bundle's points, taken for rows: a place, its only mode, the only category.
  vi.spyOn(engine, 'model').mockImplementation((name, version) => {
    const model = plain(name, version);
    const data = { ...model.manifest.data, kind: 'points', shape: [3], columns } as const;
    return { ...model, manifest: { ...model.manifest, data } };
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await server.end();
});

const samples = '/v1/models/points/samples';

it('samples that encode rows come with the rows', async () => {
  const answer = (await (await server.post(samples, { count: 3, seed: 1, label: 0 })).json()) as {
    columns: string[];
    rows: [number, string][];
    data: number[][];
  };
  expect(answer.columns).toEqual(['size', 'a, or b']);
  for (const [row, [place]] of answer.data.entries()) {
    const size = Math.min(10, Math.max(0, 5 + 4 * place!));
    expect(answer.rows[row]).toEqual([Number(size.toFixed(1)), 'a "x"']);
  }
});

it('are CSV where that is asked for, and no picture', async () => {
  const body = { count: 2, seed: 1, label: 0 };
  const asked = await server.post(samples, { ...body, format: 'csv' });
  expect(asked.headers.get('Content-Type')).toMatch(/^text\/csv/);
  const text = await asked.text();
  expect(text).toMatch(/^size,"a, or b"\n(\d+\.\d,"a ""x"""\n){2}$/);
  const accepted = await server.post(samples, body, { Accept: 'text/csv' });
  expect(await accepted.text()).toBe(text);
  expect((await server.post(samples, { ...body, format: 'png' })).status).toBe(406);
});
