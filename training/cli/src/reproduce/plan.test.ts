import { families } from '@generatrix/training';
import { describe, expect, it } from 'vitest';
import { budgetSeconds, type PlanRequest, planReproductions } from './plan.ts';

const plan = (request: Partial<PlanRequest>) =>
  planReproductions([...families, { ...families[0]!, name: 'bare', reproduce: {} }], {
    ...{ names: [], dataDirs: [], seed: 1, out: 'runs', results: 'figures', ...request },
  });

describe('planReproductions', () => {
  it('takes every preset whose data is there, and says what the others need', () => {
    const { planned, leftOut } = plan({});
    const all = families.flatMap((family) =>
      Object.keys(family.reproduce).map((preset) => `${family.name}/${preset}`),
    );
    expect([...planned, ...leftOut].map(({ name }) => name).toSorted()).toEqual(all.toSorted());
    expect(planned.map(({ name }) => name)).toContain('realnvp/moons');
    expect(leftOut).toContainEqual({ name: 'made/mnist', why: 'it needs --data-dir mnist=DIR' });
  });

  it('takes a family or one of its presets, each with a folder and a file of its own', () => {
    const { planned } = plan({ names: ['made', 'vae/mnist-conv'], dataDirs: ['/digits'], seed: 2 });
    expect(planned.map(({ name }) => name)).toEqual([
      'vae/mnist-conv-seed-2',
      'made/mnist-seed-2',
      'made/mnist-laptop-seed-2',
      'made/mnist-agnostic-seed-2',
    ]);
    expect(planned[0]).toMatchObject({
      ...{ run: 'runs/vae-mnist-conv-seed-2', record: 'figures/vae-mnist-conv-seed-2.json' },
      dataDir: '/digits',
    });
  });

  it.each([
    [['made/mnistt'], [], /^made\/mnistt: expected FAMILY or FAMILY\/PRESET, such as made\/mnist/],
    [['bare'], [], /^bare: the family has no presets/],
    [['realnvp/moons'], ['/digits'], /^--data-dir \/digits: the data of these presets is built in/],
    [
      ['dcgan'],
      ['/digits'],
      /^--data-dir \/digits: say of which data, NAME=DIR, where NAME is one of mnist, images/,
    ],
    [['made'], ['images=/here'], /^--data-dir images=\/here: none of these presets takes images/],
  ])('refuses %j with %j', (names, dataDirs, message) => {
    expect(() => plan({ names, dataDirs })).toThrow(message);
  });

  it('a path may hold an equals sign', () => {
    expect(plan({ names: ['made/mnist'], dataDirs: ['mnist=/a=b'] }).planned[0]!.dataDir).toBe('/a=b');
    expect(plan({ names: ['made/mnist'], dataDirs: ['/a=b'] }).planned[0]!.dataDir).toBe('/a=b');
  });
});

it.each([
  ['90m', 5400],
  ['1.5h', 5400],
  ['300s', 300],
])('a budget of %s', (text, seconds) => expect(budgetSeconds(text)).toBe(seconds));

it.each(['90', 'm', '-5m', '0s', '1h30m', ''])('a budget of %j is refused', (text) => {
  expect(() => budgetSeconds(text)).toThrow(
    `--budget: expected a time such as 90m, 1.5h or 300s, got '${text}'`,
  );
});
