import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { infer, labelInput, zInput } from '../../testing/infer.ts';
import { ServeError } from '../engine/engine.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.end());

describe('errors', () => {
  const cases: [string, string, unknown, number, string | RegExp][] = [
    ['no such model', infer('none'), {}, 404, "there is no model 'none'"],
    ['no such program', infer('points_fly'), {}, 404, "there is no model 'points_fly'"],
    ['a bundle without sample', infer('coder'), {}, 404, "there is no model 'coder'"],
    ['no such version', '/v2/models/points/versions/7/infer', {}, 404, /^there is no model/],
    [
      'no such input',
      infer(),
      { inputs: [{ ...zInput, name: 'y' }] },
      400,
      "model points has no input 'y' (it has: z, label, temperature)",
    ],
    ['an input twice', infer(), { inputs: [zInput, zInput] }, 400, "input 'z' is given twice"],
    [
      'another type that would lose digits',
      infer(),
      { inputs: [{ ...zInput, datatype: 'INT32', data: [1, 2, 3, 4, 5, 2 ** 24 + 1] }] },
      400,
      "input 'z': 16777217 of INT32 is no FP32, which the model takes; send FP32, or the parameter cast: true",
    ],
    [
      'whole numbers of 64 bits that floats do not have',
      infer(),
      { inputs: [{ ...zInput, datatype: 'INT64', data: [1, 2, 3, 4, 5, 2 ** 53 - 1] }] },
      400,
      "input 'z': 9007199254740991 of INT64 is no FP32, which the model takes; send FP32, or the parameter cast: true",
    ],
    [
      'an unknown type',
      infer(),
      { inputs: [{ ...zInput, datatype: 'BYTES' }] },
      400,
      /^inputs\.0\.datatype: expected one of "BOOL"\|"UINT8"\|.*\|"FP64", got "BYTES"$/,
    ],
    [
      'another shape',
      infer(),
      { inputs: [{ ...zInput, shape: [3, 2] }] },
      400,
      "input 'z': expected shape [N,3], got [3,2]",
    ],
    [
      'a shape that its data is not of',
      infer(),
      { inputs: [{ ...zInput, shape: [3, 3] }] },
      400,
      "input 'z': expected 9 values, got 6",
    ],
    [
      'a shape beyond memory',
      infer(),
      { inputs: [{ ...zInput, shape: [2 ** 31, 2 ** 31, 2 ** 31] }] },
      400,
      /^input 'z': expected .* values, got 6$/,
    ],
    [
      'a negative shape',
      infer(),
      { inputs: [{ ...zInput, shape: [-1, 3] }] },
      400,
      /^inputs\.0\.shape\.0: expected number to be >=0/,
    ],
    [
      'no rows',
      infer(),
      { inputs: [{ ...zInput, shape: [0, 3], data: [] }] },
      400,
      "input 'z': expected at least one row, got none",
    ],
    [
      'no data',
      infer(),
      { inputs: [{ ...zInput, data: undefined }] },
      400,
      "input 'z': there is neither data nor binary data",
    ],
    [
      'rows that differ',
      infer(),
      { inputs: [zInput, { ...labelInput, shape: [3], data: [0, 1, 0] }] },
      400,
      "input 'label' has 3 rows where input 'z' says 2",
    ],
    [
      'rows other than count',
      infer(),
      { inputs: [zInput], parameters: { count: 5 } },
      400,
      "input 'z' has 2 rows where parameters.count says 5",
    ],
    [
      'too many rows',
      infer(),
      { parameters: { count: 1025 } },
      400,
      /^parameters\.count: expected number to be <=1024/,
    ],
    [
      'too many rows in a tensor',
      infer(),
      { inputs: [{ ...labelInput, shape: [1025], data: new Array(1025).fill(0) }] },
      400,
      "input 'label': expected at most 1024 rows, got 1025",
    ],
    [
      'a class there is not',
      infer(),
      { inputs: [{ ...labelInput, data: [0, 2] }] },
      400,
      /label 2 is out of range: the classes are 0 to 1$/,
    ],
    [
      'a class that is no number',
      infer(),
      { inputs: [{ ...labelInput, data: [0, 'x'] }] },
      400,
      /^input 'label': expected whole numbers of 32 bits, got "x"$/,
    ],
    [
      'INT64 beyond 32 bits',
      infer(),
      { inputs: [{ ...labelInput, datatype: 'INT64', data: [0, 2 ** 32] }] },
      400,
      /4294967296 of INT64 is no INT32, which the model takes$/,
    ],
    [
      'a scalar out of range',
      infer(),
      { inputs: [{ name: 'temperature', shape: [1], datatype: 'FP32', data: [3] }] },
      400,
      /expected a number from 0 to 2, got 3$/,
    ],
    [
      'a scalar of unequal rows',
      infer(),
      { inputs: [{ name: 'temperature', shape: [2, 1], datatype: 'FP32', data: [1, 2] }] },
      400,
      /^input 'temperature': expected one number, .* got \[2,1\]$/,
    ],
    [
      'a missing input',
      infer('points_encode'),
      { inputs: [] },
      400,
      "model points_encode needs the input 'x'",
    ],
    [
      'a missing class',
      infer('points_logProb'),
      { inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }] },
      400,
      "model points_logProb needs the input 'label'",
    ],
    [
      'no such output',
      infer(),
      { inputs: [zInput], outputs: [{ name: 'nope' }] },
      400,
      "model points has no output 'nope' (it has: data, level)",
    ],
    [
      'an output twice',
      infer(),
      { inputs: [zInput], outputs: [{ name: 'data' }, { name: 'data' }] },
      400,
      "output 'data' is asked for twice",
    ],
    [
      'classification',
      infer(),
      { inputs: [zInput], outputs: [{ name: 'data', parameters: { classification: 3 } }] },
      400,
      "output 'data': classification is not supported",
    ],
    [
      'shared memory',
      infer(),
      { inputs: [{ ...zInput, parameters: { shared_memory_region: 'r' } }] },
      400,
      "input 'z': shared memory is not supported",
    ],
    ['a bad seed', infer(), { inputs: [], parameters: { seed: 1.5 } }, 400, /^parameters\.seed: expected/],
    ['an id that is no text', infer(), { id: 7 }, 400, 'id: expected string, got 7'],
    ['no object', infer(), 3, 400, 'the body: expected object, got 3'],
  ];
  it.each(cases)('%s', async (_name, path, body, status, message) => {
    const response = await server.post(path, body);
    expect([response.status, await response.json()]).toEqual([
      status,
      { error: typeof message === 'string' ? message : expect.stringMatching(message) },
    ]);
  });

  it.each([
    ['bad-request', 400],
    ['not-found', 404],
    ['overloaded', 429],
    ['timeout', 504],
    ['unavailable', 503],
    ['internal', 500],
  ] as const)('what the engine calls %s is a %d', async (kind, status) => {
    server.engine.before = () => {
      throw new ServeError(kind, 'its reason', kind === 'overloaded' ? 3 : undefined);
    };
    const response = await server.post(infer(), { inputs: [zInput] });
    server.engine.before = undefined;
    expect(response.status).toBe(status);
    expect(response.headers.get('Retry-After')).toBe(kind === 'overloaded' ? '3' : null);
    const { error } = (await response.json()) as { error: string };
    if (kind === 'internal') expect(error).not.toContain('its reason');
    else expect(error).toBe('its reason');
  });

  it('a defect shows nothing of itself, but is in the log', async () => {
    server.engine.before = () => {
      throw new TypeError('secret of line 12');
    };
    const response = await server.post(infer(), { inputs: [zInput] }, { 'X-Request-Id': 'defect-1' });
    server.engine.before = undefined;
    const text = await response.text();
    expect([response.status, text.includes('secret'), text.includes('at ')]).toEqual([500, false, false]);
    const line = server.log.find(({ requestId }) => requestId === 'defect-1');
    expect(JSON.stringify(line)).toContain('secret of line 12');
  });
});
