import { Bench } from 'tinybench';

/** Median milliseconds of a task, after a warm-up: as often as the time allows, 3 times at least. */
export async function median(task: () => Promise<unknown>, milliseconds = 3000): Promise<number> {
  const bench = new Bench({
    time: milliseconds,
    iterations: 3,
    warmupTime: Math.min(500, milliseconds),
    warmupIterations: 1,
  });
  bench.add('task', async () => {
    await task();
  });
  await bench.run();
  const result = bench.tasks[0]!.result;
  if (!('latency' in result)) throw new Error('the benchmark did not finish');
  return result.latency.p50;
}

/** Milliseconds of one run, for what takes too long to repeat. */
export async function once(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}

/** Slope and intercept of the straight line that fits the points best (least squares). */
export function fitLine(points: readonly (readonly [number, number])[]): {
  slope: number;
  intercept: number;
} {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(points.map(([a]) => a)), mean(points.map(([, b]) => b))];
  const slope =
    points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) /
    points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  return { slope, intercept: y - slope * x };
}

/** A time in the unit that reads best. */
export function readable(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toPrecision(3)} s`;
  return `${milliseconds.toPrecision(3)} ms`;
}
