import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../testing/http-server.ts';
import { binaryBody, infer, inferred, labelInput, zInput } from '../../../testing/infer.ts';
import { binaryValues, halfValue } from './cast.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.end());

const halves = { name: 'z', shape: [1, 3], datatype: 'FP32', data: [0.5, -2, 1.25] };
const one = { ...labelInput, shape: [1], data: [1] };
const ask = (...inputs: object[]) => server.post(infer(), { inputs });
const values = async (response: Response) => (await inferred(response)).outputs.map(({ data }) => data);
const refusal = async (response: Response) => [response.status, (await response.json()) as object as unknown];

describe('a tensor of another type', () => {
  it.each([
    ['FP64', { data: halves.data }],
    ['FP16', { data: halves.data }],
    ['BF16', { data: halves.data }],
  ])('of numbers %s becomes FP32 where that loses nothing', async (datatype, given) => {
    const expected = await values(await ask(halves, one));
    expect(await values(await ask({ ...halves, datatype, ...given }, one))).toEqual(expected);
  });

  it.each(['INT8', 'INT16', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'FP32', 'BOOL'])(
    'of whole numbers %s becomes INT32',
    async (datatype) => {
      const data = datatype === 'BOOL' ? [true] : [1];
      expect(await values(await ask(halves, { ...one, datatype, data }))).toEqual(
        await values(await ask(halves, one)),
      );
    },
  );

  it.each([
    ['FP64', Uint8Array.from(new Uint8Array(Float64Array.from(halves.data).buffer))],
    ['FP16', new Uint8Array(Uint16Array.of(0x3800, 0xc000, 0x3d00).buffer)],
    ['BF16', new Uint8Array(Uint16Array.of(0x3f00, 0xc000, 0x3fa0).buffer)],
  ])('comes in bytes, too: %s', async (datatype, bytes) => {
    const input = { name: 'z', shape: [1, 3], datatype, parameters: { binary_data_size: bytes.length } };
    const { body, headers } = binaryBody({ inputs: [input, one] }, bytes);
    const answer = await server.fetch(infer(), { method: 'POST', body, headers });
    expect(await values(answer)).toEqual(await values(await ask(halves, one)));
  });

  it('that would lose digits is refused, unless that is asked for', async () => {
    const fine = { ...halves, datatype: 'FP64', data: [0.1, -2, 1.25] };
    expect(await refusal(await ask(fine, one))).toEqual([
      400,
      {
        error:
          "input 'z': 0.1 of FP64 is no FP32, which the model takes; send FP32, or the parameter cast: true",
      },
    ]);
    const rounded = await values(await ask({ ...halves, data: [0.1, -2, 1.25] }, one));
    expect(await values(await ask({ ...fine, parameters: { cast: true } }, one))).toEqual(rounded);
    const whole = { parameters: { cast: true }, inputs: [fine, { ...one, datatype: 'FP32', data: [1.9] }] };
    expect(await values(await server.post(infer(), whole))).toEqual(rounded);
  });

  it.each([
    [
      { ...one, datatype: 'INT64', data: [2 ** 40] },
      `${2 ** 40} of INT64 is no INT32, which the model takes`,
    ],
    [{ ...one, datatype: 'INT8', data: [200] }, 'expected whole numbers of INT8, got 200'],
    [{ ...one, datatype: 'UINT8', data: [-1] }, 'expected whole numbers of UINT8, got -1'],
    [{ ...one, datatype: 'UINT64', data: ['x'] }, 'expected whole numbers of UINT64, got "x"'],
    [{ ...one, datatype: 'FP16', data: ['NaN'] }, 'expected finite numbers of FP16, got "NaN"'],
    [{ ...one, datatype: 'FP64', data: [[1], [2]] }, 'expected 1 values, got 2'],
  ])('that cannot be one is refused, whatever is asked: %#', async (input, message) => {
    const body = { parameters: { cast: true }, inputs: [halves, input] };
    expect(await refusal(await server.post(infer(), body))).toEqual([
      400,
      { error: `input 'label': ${message}` },
    ]);
  });
});

it('null is as good as nothing for the id', async () => {
  const answer = await inferred(await server.post(infer(), { id: null, inputs: [zInput, labelInput] }));
  expect('id' in answer).toBe(false);
});

describe('numbers from bytes', () => {
  it.each([
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0xfbff, -65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('binary16 %i is %f', (bits, value) => {
    expect(halfValue(bits)).toBe(value);
  });

  it('of wide and unsigned types are exact', () => {
    const { buffer } = BigUint64Array.of(2n ** 64n - 1n, 3n);
    expect([...Array.from(binaryValues('UINT64', buffer))]).toEqual([2n ** 64n - 1n, 3n]);
    expect([...Array.from(binaryValues('INT64', buffer))]).toEqual([-1n, 3n]);
    expect([...Array.from(binaryValues('UINT32', buffer))]).toEqual([2 ** 32 - 1, 2 ** 32 - 1, 3, 0]);
  });
});
