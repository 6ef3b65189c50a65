import { expect, it } from 'vitest';
import { checkPartsAgree } from './parts-agree.ts';

const train = {
  name: 'mnist',
  split: 'train',
  spec: { kind: 'image', shape: [8, 8, 1], range: [0, 1] },
  size: 2,
  labels: Int32Array.of(0, 1),
  classNames: ['0', '1'],
} as const;

it('parts of the same form and classes agree, and a part without labels or examples does', () => {
  const test = { ...train, split: 'test' } as const;
  expect(() =>
    checkPartsAgree(
      train,
      test,
      { ...test, labels: null, classNames: [] },
      { ...test, size: 0, labels: new Int32Array(), spec: { ...train.spec, shape: [9, 9, 1] } },
    ),
  ).not.toThrow();
});

it('a name that no example bears does not count as a class', () => {
  expect(() =>
    checkPartsAgree(train, { ...train, split: 'test', classNames: ['0', '1', '2'] }),
  ).not.toThrow();
});

it('examples of another size or range are refused, naming the part and both forms', () => {
  expect(() =>
    checkPartsAgree(train, { ...train, split: 'test', spec: { ...train.spec, shape: [12, 12, 1] } }),
  ).toThrow(
    '--data mnist: expected the test part to hold image of shape 8x8x1 in [0, 1] as the training part does, ' +
      'found image of shape 12x12x1 in [0, 1]; take both parts from the same set',
  );
  expect(() =>
    checkPartsAgree(train, { ...train, split: 'validation', spec: { ...train.spec, range: [-1, 1] } }),
  ).toThrow('found image of shape 8x8x1 in [-1, 1]');
});

it('a class that was not trained is refused, by number or by name', () => {
  const test = { ...train, split: 'test' } as const;
  expect(() =>
    checkPartsAgree(train, { ...test, labels: Int32Array.of(0, 2), classNames: ['0', '1', '2'] }),
  ).toThrow('expected the classes of the training part (2) in the test part, found class 2 at example 1');
  expect(() => checkPartsAgree(train, { ...test, classNames: ['0', 'seven'] })).toThrow(
    'found class seven at example 1',
  );
});
