import { expect, it } from 'vitest';
import { describeData, labelled, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

const build = (family: string, options: Record<string, unknown>, data = labelled(tinyPoints(20), 2)) =>
  buildModel(familyNamed(family), { width: 8, layers: 1, embedding: 4, ...options }, describeData(data));

it.each(['flowmatching', 'ddpm'])('guidance without a class is refused: %s', (family) => {
  expect(() => build(family, { guidance: 3 })).toThrow(/guidance 3 weighs the class.*add --conditional/);
  expect(() => build(family, { conditional: true }, tinyPoints(20))).toThrow(
    /conditional needs labelled data/,
  );
  expect(() => build(family, { guidance: 3, conditional: true })).not.toThrow();
  expect(() => build(family, { guidance: 1 })).not.toThrow();
});
