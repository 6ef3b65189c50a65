import { expect, test } from 'vitest';
import { ellipseOf } from './density-plot.ts';

test('the ellipse of points on a turned cross: its axes are their deviations, its angle the turn', () => {
  // Two pairs at distance 3 and 1 along directions turned by 30 degrees: variances 9/2 and 1/2.
  const turn = Math.PI / 6;
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const points = [3 * c, 3 * s, -3 * c, -3 * s, -s, c, s, -c].map(
    (value, i) => value + (i % 2 === 0 ? 10 : -5),
  );
  const { centre, halfAxes, angle } = ellipseOf(points);
  expect(centre[0]).toBeCloseTo(10, 9);
  expect(centre[1]).toBeCloseTo(-5, 9);
  expect(halfAxes[0]).toBeCloseTo(Math.sqrt(4.5), 9);
  expect(halfAxes[1]).toBeCloseTo(Math.sqrt(0.5), 9);
  expect(angle).toBeCloseTo(turn, 9);
});
