/** Statistics that tests of random numbers need. */

/** Largest distance between the empirical distribution of the values and a continuous distribution function. */
export function kolmogorovDistance(values: ArrayLike<number>, distribution: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort();
  let distance = 0;
  for (const [i, x] of sorted.entries()) {
    const expected = distribution(x);
    distance = Math.max(distance, (i + 1) / sorted.length - expected, expected - i / sorted.length);
  }
  return distance;
}

/** The error function, by its series 2/sqrt(pi) exp(-x^2) sum 2^k x^(2k+1) / (2k+1)!! (Abramowitz, Stegun 7.1.6). */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; k < 200 && Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
