import { expect, test } from 'vitest';
import { Follower } from './follower.ts';

/** An element's state and what a follower made of it; steps end when the test says so. */
function follow() {
  const state = { src: 'a', seed: 1 };
  const log: string[] = [];
  const waiting: { readonly name: string; readonly end: (error?: Error) => void }[] = [];
  const step = (name: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      log.push(name);
      signal.addEventListener('abort', () => reject(signal.reason));
      waiting.push({ name, end: (error) => (error ? reject(error) : resolve()) });
    });
  const follower = new Follower<string>({
    key: () => state.src,
    open: async (signal) => {
      const { src } = state;
      await step(`open ${src}`, signal);
      return src;
    },
    opened: (model) => expect(follower.model).toBe(model),
    close: (model) => void log.push(`close ${model}`),
    draw: async (model, signal) => {
      const { seed } = state;
      await step(`draw ${model} ${seed}`, signal);
      log.push(`drawn ${seed}`);
    },
  });
  /** Lets the step that is under way end, well or badly. */
  const end = async (error?: Error) => {
    await settle();
    waiting.at(-1)!.end(error);
    await settle();
  };
  return { state, log, follower, end };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

test('what is set one after the other is drawn once; who asks twice is answered by one drawing', async () => {
  const { state, log, follower, end } = follow();
  const both = [follower.sample(), follower.sample()];
  state.seed = 2;
  follower.changed();
  state.seed = 3;
  follower.changed();
  await end();
  await end();
  await Promise.all(both);
  expect(log).toEqual(['open a', 'draw a 3', 'drawn 3']);
});

test('a state that changes while it is drawn is drawn again, and nobody hears of it before', async () => {
  const { state, log, follower, end } = follow();
  let settled = false;
  const asked = follower.sample().then(() => {
    settled = true;
  });
  await end();
  state.seed = 199;
  follower.changed();
  await settle();
  expect(settled).toBe(false);
  await end();
  await asked;
  expect(log).toEqual(['open a', 'draw a 1', 'draw a 199', 'drawn 199']);
});

test('another bundle while one opens, or is drawn from: the last is opened and drawn, the others closed', async () => {
  const { state, log, follower, end } = follow();
  const asked = follower.sample();
  await settle();
  state.src = 'b';
  follower.changed();
  await end();
  await settle();
  state.src = 'c';
  follower.changed();
  await end();
  await end();
  await asked;
  expect(log).toEqual(['open a', 'open b', 'draw b 1', 'close b', 'open c', 'draw c 1', 'drawn 1']);
  expect(await follower.load()).toBe('c');
});

test('a seed that changes while the model opens does not open it anew', async () => {
  const { state, log, follower, end } = follow();
  const asked = follower.sample();
  await settle();
  state.seed = 5;
  follower.changed();
  await end();
  await end();
  await asked;
  expect(log).toEqual(['open a', 'draw a 5', 'drawn 5']);
});

test('samples that are asked for while the model is loaded are drawn before load settles', async () => {
  const { log, follower, end } = follow();
  const loaded = follower.load();
  await settle();
  const drawn = follower.sample();
  await end();
  await end();
  expect(await loaded).toBe('a');
  await drawn;
  expect(log).toEqual(['open a', 'draw a 1', 'drawn 1']);
});

test('who cancels is told so, and it works again afterwards', async () => {
  const { log, follower, end } = follow();
  const asked = expect(follower.sample()).rejects.toThrow('cancelled');
  await end();
  follower.cancel(new Error('cancelled'));
  await asked;
  expect(follower.model, 'the model stays').toBe('a');
  const again = follower.sample();
  await end();
  await again;
  expect(log).toEqual(['open a', 'draw a 1', 'draw a 1', 'drawn 1']);
});

test('what goes wrong is told to all who wait; the next who asks gets another try', async () => {
  const { follower, end } = follow();
  const both = [follower.load(), follower.sample()].map((each) => expect(each).rejects.toThrow('404'));
  await end(new Error('404'));
  await Promise.all(both);
  expect(follower.busy).toBe(false);
  const again = follower.load();
  await end();
  expect(await again).toBe('a');
});

test('closing gives up what is under way, and the model', async () => {
  const { log, follower, end } = follow();
  const asked = expect(follower.sample()).rejects.toThrow('removed');
  await end();
  follower.close(new Error('removed'));
  await asked;
  expect(log).toEqual(['open a', 'draw a 1', 'close a']);
  expect(follower.model).toBeUndefined();
});
