import { defineConfig } from '@generatrix/training';

/** Families and data sets that the command knows by their names here, and what runs take where nothing is said. */
export default defineConfig({
  families: ['./straight-flow.ts'],
  datasets: ['./galaxy.ts'],
  defaults: { data: { name: 'galaxy' }, seed: 1 },
});
