import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../testing/http-server.ts';
import { float32s, inferred } from '../../../testing/infer.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ maxCount: 3000 });
});
afterAll(() => server.end());

const predict = (model: string, body: unknown) => server.post(`/v1/models/${model}:predict`, body);
const answer = async (response: Response) => {
  const body = (await response.json()) as { predictions: unknown[]; seed?: number; error?: string };
  expect(response.status, JSON.stringify(body)).toBe(200);
  return { ...body, predictions: float32s(body.predictions) };
};
const outputs = async (model: string, body: object) =>
  Object.fromEntries(
    (await inferred(await server.post(`/v2/models/${model}/infer`, body))).outputs.map(({ name, data }) => [
      name,
      data as number[],
    ]),
  );

it('a row without names is the input that the model needs, and a prediction its only output', async () => {
  const rows = [
    [1, 2, 3],
    [4, 5, 6.5],
  ];
  expect(await answer(await predict('points_encode', { instances: rows }))).toEqual({
    predictions: rows.map((row) => row.map((value) => 2 * value)),
  });
  const named = rows.map((x) => ({ x }));
  expect((await answer(await predict('points_encode', { instances: named }))).predictions).toHaveLength(2);
});

it('reads large bodies, which come parsed by another thread', async () => {
  const rows = Array.from({ length: 2800 }, (_, i) => [i + 0.123456789, 2, 3]);
  const { predictions } = await answer(await predict('points_decode', { instances: rows }));
  expect(predictions).toEqual(rows.map((row) => row.map((value) => Math.fround(Math.fround(value) / 2))));
});

it('draws what V2 draws of the same seed, several outputs by their names', async () => {
  const instances = [{ label: 1 }, { label: 0 }];
  const body = { instances, parameters: { seed: 5, first_index: 2 } };
  const response = await predict('points', body);
  expect(response.headers.get('Generatrix-Seed')).toBe('5');
  const { predictions, seed } = await answer(response);
  const label = { name: 'label', datatype: 'INT32', shape: [2], data: [1, 0] };
  const { data, level } = await outputs('points', { inputs: [label], parameters: body.parameters });
  expect(seed).toBe(5);
  expect(predictions).toEqual([
    { data: data!.slice(0, 3), level: level![0] },
    { data: data!.slice(3), level: level![1] },
  ]);
  const again = await predict('points', body);
  expect(again.headers.get('Cache-Status')).toBe('generatrix; hit');
  expect((await answer(again)).predictions).toEqual(predictions);
  const drawn = await answer(await predict('points', { instances: [{}, {}, {}] }));
  expect([drawn.predictions.length, typeof drawn.seed]).toEqual([3, 'number']);
});

it('GET says whether the model is ready, as the protocol has it', async () => {
  const about = (await (await server.fetch('/v1/models/points')).json()) as object;
  expect(about).toMatchObject({ name: 'points', ready: true });
});

it.each([
  ['points', {}, 400, 'instances: expected a value, got nothing'],
  ['points', { instances: [] }, 400, 'instances: expected a list of at least one row, got a list of 0'],
  [
    'points',
    { instances: [3] },
    400,
    'instances: model points takes its inputs by name (it has: z, label, temperature)',
  ],
  [
    'points',
    { instances: [{ label: 1 }, {}] },
    400,
    'instances.1: expected the inputs of the first (label), got none',
  ],
  ['points', { instances: [{ x: 1 }] }, 400, "model points has no input 'x' (it has: z, label, temperature)"],
  [
    'points',
    { instances: [{ temperature: 1 }, { temperature: 2 }] },
    400,
    "input 'temperature': expected one number, as [1] or as [N, 1] with equal rows, got [2,1]",
  ],
  ['points_encode', { instances: [[1, 2]] }, 400, "input 'x': expected 3 values, got 2"],
  [
    'points',
    { instances: new Array(3001).fill({}) },
    400,
    'parameters.count: expected number to be <=3000, got 3001',
  ],
  ['nothing', { instances: [{}] }, 404, "there is no model 'nothing'"],
])('refuses in one line: %s, case %#', async (model, body, status, error) => {
  const response = await predict(model, body);
  expect([response.status, await response.json()]).toEqual([status, { error }]);
});
