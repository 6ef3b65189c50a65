import { defineDataset, z } from '@generatrix/training';

const options = z.strictObject({
  arms: z.number().int().min(1).max(9).default(2).describe('arms of the spiral'),
  spread: z.number().min(0).default(0.05).describe('standard deviation around an arm'),
});

const sizes = { train: 4000, validation: 1000, test: 1000 };

/** Points in the plane on the arms of a spiral; the arm is the class. */
export default defineDataset<z.infer<typeof options>>({
  name: 'galaxy',
  summary: 'points on the arms of a spiral galaxy',
  options,
  reads: ['size'],
  load({ split, seed, size = sizes[split], options: { arms, spread } }) {
    const random = generator(1 + seed * 3 + Object.keys(sizes).indexOf(split));
    const values = new Float32Array(2 * size);
    const labels = Int32Array.from({ length: size }, (_, i) => i % arms);
    for (let i = 0; i < size; i++) {
      const along = Math.sqrt(random());
      const angle = 2 * Math.PI * (labels[i]! / arms + along);
      values[2 * i] = 2 * along * Math.cos(angle) + spread * normal(random);
      values[2 * i + 1] = 2 * along * Math.sin(angle) + spread * normal(random);
    }
    const classNames = Array.from({ length: arms }, (_, arm) => `arm ${arm}`);
    return { spec: { kind: 'points', shape: [2] }, values, labels, classNames };
  },
});

/** Uniform numbers in [0, 1) by a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A draw from the standard normal distribution (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
