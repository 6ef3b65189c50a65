import { UserError } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import { gridOf, parseAxes } from './grid.ts';

const known = ['learning-rate', 'latent', 'data', 'out', 'seed', 'sweep'];

describe('parseAxes', () => {
  it('takes the names of settings and of flags', () => {
    expect(parseAxes(['learningRate=1e-4, 1e-3', 'latent=2'], known)).toEqual([
      { flag: 'learning-rate', values: ['1e-4', '1e-3'] },
      { flag: 'latent', values: ['2'] },
    ]);
    expect(parseAxes(['learning-rate=1'], known)[0]!.flag).toBe('learning-rate');
  });

  it.each([
    ['learningRate', /expected NAME=VALUE,VALUE .*got 'learningRate'/],
    ['=1', /expected NAME=VALUE,VALUE/],
    ['latent=', /expected NAME=VALUE,VALUE/],
    ['latent=1,,2', /--sweep latent: a value is empty in '1,,2'/],
    ['latent=1,1', /given twice in '1,1'/],
    ['lattent=1', /no flag --lattent to vary; the closest are latent/],
    ['out=a,b', /no flag --out to vary/],
    ['sweep=a,b', /no flag --sweep to vary/],
  ])('refuses %s', (text, message) => {
    const parse = () => parseAxes([text], known);
    expect(parse).toThrow(UserError);
    expect(parse).toThrow(message);
  });

  it('refuses an axis that is given twice, and grids beyond reason', () => {
    expect(() => parseAxes(['latent=1', 'latent=2'], known)).toThrow('--sweep latent: given twice');
    const many = Array.from({ length: 40 }, (_, i) => i).join(',');
    expect(() => parseAxes([`latent=${many}`, `seed=${many}`], known)).toThrow(
      '1600 runs are more than 1000',
    );
  });
});

describe('gridOf', () => {
  it('has every combination once, each with a name of its own', () => {
    const points = gridOf([
      { flag: 'learning-rate', values: ['1e-4', '1e-3'] },
      { flag: 'latent', values: ['2', '16', '32'] },
    ]);
    expect(points.map(({ name }) => name)).toEqual([
      'learning-rate=1e-4_latent=2',
      'learning-rate=1e-4_latent=16',
      'learning-rate=1e-4_latent=32',
      'learning-rate=1e-3_latent=2',
      'learning-rate=1e-3_latent=16',
      'learning-rate=1e-3_latent=32',
    ]);
    expect(points[4]!.values).toEqual({ 'learning-rate': '1e-3', latent: '16' });
  });

  it('keeps paths and odd characters out of the names, and names apart', () => {
    const names = gridOf([{ flag: 'data', values: ['../a', '..:a', 'b c'] }]).map(({ name }) => name);
    expect(names).toEqual(['data=..-a', 'data=..-a_2', 'data=b-c']);
  });

  it('without axes is one point', () => {
    expect(gridOf([])).toEqual([{ name: '', values: {} }]);
  });
});
