import { expect, it } from 'vitest';
import { families } from './registry.ts';

const roots = ['explicit density', 'implicit density', 'no density'];

it.each(families.map((family) => [family.name, family] as const))(
  '%s says what it is, in plain text, and where it comes from',
  (_, { title, taxonomy, equation, sources }) => {
    expect(title).toMatch(/^[A-Z]\S/);
    expect(roots).toContain(taxonomy[0]);
    expect(taxonomy.length).toBeGreaterThan(1);
    expect(equation).toMatch(/[=≥∝+]|min/);
    expect(equation).not.toMatch(/[\\${}]/);
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) expect(source).toMatch(/\b(19|20)\d\d\b/);
  },
);
