import { hostTensor, type Sampler } from '@generatrix/runtime/core';
import { expect, test, vi } from 'vitest';
import { type CallContext, handlers } from './handlers.ts';
import type { OpenModel } from './open-model.ts';
import type { CallName } from './protocol.ts';

const tensor = hostTensor('float32', [1, 2], [1, 2]);

/** A context over a sampler that keeps what it was asked, and the parts that were passed on. */
function contextOf(methods: Partial<Sampler>) {
  const parts: unknown[] = [];
  const { signal } = new AbortController();
  const model = { sampler: methods } as unknown as OpenModel;
  const context: Omit<CallContext<CallName>, 'part'> & { readonly part: (part: unknown) => void } = {
    signal,
    part: (part) => void parts.push(part),
    model: () => model,
    openModel: () => Promise.reject(new Error('nothing is opened here')),
    setModel: () => {},
  };
  return { context, parts, signal };
}

test('class and scalars reach the operations on examples and codes', async () => {
  const asked: unknown[] = [];
  const operation = vi.fn(async (...request: unknown[]) => {
    asked.push(request);
    return tensor;
  });
  const { context, signal } = contextOf({ encode: operation, decode: operation, reconstruct: operation });
  const conditions = { label: 3, scalars: { temperature: 0.5 } };
  for (const call of ['encode', 'reconstruct'] as const)
    await handlers[call]({ data: tensor, ...conditions }, context);
  await handlers.decode({ latent: tensor, ...conditions }, context);
  expect(asked).toEqual(Array(3).fill([tensor, { ...conditions, signal }]));
});

test('a stream is drawn as it is asked for, means included', async () => {
  const asked: unknown[] = [];
  const { context, signal, parts } = contextOf({
    stream: async function* (request) {
      asked.push(request);
      for (const index of [0, 1]) {
        yield { seed: 1, index, chunks: 2, start: index, data: tensor, soFar: tensor };
      }
    },
  });
  const request = { count: 1, seed: 1, draw: 'mean', labels: 'data' } as const;
  const { data } = await handlers.stream({ ...request, label: 2, scalars: { temperature: 2 } }, context);
  expect(asked).toEqual([{ ...request, label: 2, temperature: 2, signal }]);
  expect(data).toBe(tensor);
  expect(parts).toEqual([tensor]);
});

test('samples in several batches tell how far they are; one batch tells nothing', async () => {
  const sample: Sampler['sample'] = async ({ count, onBatch }) => {
    if (typeof onBatch !== 'function') throw new Error('nobody is told');
    for (let done = 64; done < count + 64; done += 64) await onBatch(Math.min(count, done), count);
    return { seed: 1, outputs: { data: tensor }, data: tensor };
  };
  const many = contextOf({ sample });
  await handlers.sample({ count: 100, seed: 1 }, many.context);
  expect(many.parts).toEqual([
    { done: 64, of: 100 },
    { done: 100, of: 100 },
  ]);
  const few = contextOf({ sample });
  await handlers.sample({ count: 64, seed: 1 }, few.context);
  expect(few.parts).toEqual([]);
});

test('a completion by a chain takes its steps, tells them, and hears between two runs that it is given up', async () => {
  const heard: string[] = [];
  const complete = vi.fn<Sampler['complete']>(async ({ onSteps }) => {
    if (typeof onSteps !== 'function') throw new Error('nobody is told');
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      heard.push('message');
      port1.close();
    };
    port2.postMessage(null);
    await onSteps(10, 20);
    heard.push('next run');
    await onSteps(20, 20);
    return { seed: 1, outputs: {}, data: tensor };
  });
  const { context, signal, parts } = contextOf({ complete });
  const manifest = { programs: { complete: { inputs: { rows: { role: 'scalar' } } } }, data: { shape: [2] } };
  const model = () => ({ sampler: { complete }, bundle: { manifest } }) as unknown as OpenModel;
  const request = { data: tensor, known: 1, seed: 3, scalars: { steps: 20 } };
  const { data } = await handlers.complete(request, { ...context, model });
  const onSteps = expect.any(Function);
  expect(complete).toHaveBeenCalledWith({ data: tensor, known: 1, seed: 3, steps: 20, signal, onSteps });
  expect(data).toBe(tensor);
  expect(parts).toEqual([{ done: 10, of: 20 }]);
  expect(heard).toEqual(['message', 'next run']);
});
