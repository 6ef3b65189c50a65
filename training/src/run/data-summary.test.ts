import { expect, test } from 'vitest';
import { floatDataset } from '../data/dataset.ts';
import { labelled, tinyImages, tinySounds } from '../testing/tiny-data.ts';
import { dataSummary } from './data-summary.ts';

test('images with classes', async () => {
  const train = labelled(tinyImages(1500), 4);
  const { data } = await train.gather(Int32Array.from({ length: 1000 }, (_, i) => i));
  const [low, high] = [Math.min(...data), Math.max(...data)];
  const summary = await dataSummary(train, tinyImages(7));
  const { 'values of the first 1,000 training examples': values, ...others } = summary;
  expect(others).toEqual({
    name: 'tiny',
    'training examples': '1,500',
    'validation examples': '7',
    'an example': 'an image of 6 x 5 pixels (height x width), grey',
    'range of the values': '0 to 1',
    classes: 'class 0 (375), class 1 (375), class 2 (375), class 3 (375)',
  });
  const [least, greatest] = values!.split(' to ').map(Number);
  expect(Math.abs(least! - low)).toBeLessThan(1e-4);
  expect(Math.abs(greatest! - high)).toBeLessThan(1e-4);
});

test('sounds, and rows of numbers without classes or validation part', async () => {
  expect((await dataSummary(tinySounds(4), null))['an example']).toBe(
    'a sound of 40 values at 8000 Hz, 0.005 s',
  );
  const spec = { kind: 'points', shape: [3] } as const;
  const fields = { name: 'rows', split: 'train', spec, size: 2, labels: null, classNames: [] } as const;
  expect(await dataSummary(floatDataset(fields, new Float32Array([-3, 0, 1, 2, 8, 5])), null)).toEqual({
    name: 'rows',
    'training examples': '2',
    'validation examples': 'none',
    'an example': 'a row of 3 numbers',
    'values of the training examples': '-3 to 8',
    classes: 'none',
  });
});
