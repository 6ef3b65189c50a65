import { UserError } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type OptionUse, refuseUnused } from '../model/option-use.ts';
import { buildModel, families } from './registry.ts';

interface OptionSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly items?: OptionSchema;
}

/** Values that a schema refuses, of the kinds that a flag can give. */
function wrongValues(schema: OptionSchema): unknown[] {
  const { type, enum: names, minimum, exclusiveMinimum, maximum, exclusiveMaximum, items } = schema;
  if (names !== undefined) return ['nonsense'];
  if (type === 'array')
    return [...(items === undefined ? [] : wrongValues(items).map((value) => [value])), 'text'];
  if (type === 'boolean') return ['nonsense'];
  if (type !== 'integer' && type !== 'number') return [];
  const below = minimum === undefined ? exclusiveMinimum : minimum - 1;
  const above = maximum === undefined ? exclusiveMaximum : maximum + 1;
  return [
    'text',
    ...(type === 'integer' ? [1.5] : []),
    ...[below, above].filter((value) => value !== undefined),
  ];
}

const data = { spec: { kind: 'image', shape: [8, 8, 1], range: [0, 1] }, classNames: ['a', 'b'] } as const;
const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

describe.each(families.map((family) => [family.name, family] as const))('%s', (_, family) => {
  const { properties = {} } = z.toJSONSchema(family.options, { io: 'input' });
  const wrong = Object.entries(properties).flatMap(([name, schema]) =>
    wrongValues(schema as OptionSchema).map(
      (value) => [flagOf(name), JSON.stringify(value), name, value] as const,
    ),
  );

  it('has options whose values can be wrong', () => expect(wrong.length).toBeGreaterThan(0));

  it.each(wrong)('%s %s is refused by the name of its flag, in plain words', (flag, shown, name, value) => {
    const build = () => buildModel(family, { [name]: value }, data);
    expect(build).toThrow(UserError);
    const message = (() => {
      try {
        build();
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })();
    expect(message.startsWith(`${family.name}: ${flag}: `)).toBe(true);
    expect(message).toContain('expected ');
    // An entry of a list is shown by itself.
    expect(message).toContain(`got ${Array.isArray(value) ? JSON.stringify(value[0]) : shown}`);
    expect(message).not.toMatch(/Invalid|Too (small|big)|received|undefined|\n/);
  });
});

const conditional = families.flatMap((family) =>
  Object.entries(family.options.shape).flatMap(([name, schema]) => {
    const use = schema.meta()?.usedWith as OptionUse | undefined;
    return use === undefined ? [] : [[family.name, name, use, family] as const];
  }),
);

describe('options that only some settings use', () => {
  it('are declared where descriptions say so', () => expect(conditional.length).toBeGreaterThan(60));

  it.each(conditional)('%s %s names an option and its values, or a kind of data', (_, name, use, family) => {
    for (const [other, values] of Object.entries(use)) {
      for (const value of [values].flat()) {
        if (other === 'data') expect(['image', 'points', 'audio']).toContain(value);
        else if (other in family.options.shape)
          expect(family.options.shape[other]!.safeParse(value).success).toBe(true);
      }
      const settings = { [other]: 'something else' };
      const refused = () => refuseUnused(family, [name], settings, 'something else');
      expect(refused).toThrow(new RegExp(`^${family.name}: ${flagOf(name)}: has no effect `));
      expect(() => refuseUnused(family, [], settings, 'something else')).not.toThrow();
    }
  });

  it('are refused before anything is written, with what gives them an effect', () => {
    const vae = families.find(({ name }) => name === 'vae')!;
    const { options } = buildModel(vae, { filters: [8] }, data);
    expect(() => refuseUnused(vae, ['filters'], options, 'image')).toThrow(
      'vae: --filters: has no effect with --architecture mlp, only with conv; leave it out or give --architecture conv',
    );
    expect(() => refuseUnused(vae, ['filters'], { ...options, architecture: 'conv' }, 'image')).not.toThrow();
  });
});
