/** Below this a value is what rounding leaves of 0 in sums of numbers around 1. */
export const roundingFloor = 1e-12;

/** Four significant digits, with an exponent only for very large or small values; 0 where only rounding is left. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size < roundingFloor) return '0';
  if (size >= 1e7 || (size < 1e-3 && size > 0)) return value.toExponential(2);
  return size >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

/** Nats with three decimals, as lines for the terminal have them; never a negative zero. */
export function formatNats(value: number): string {
  const text = value.toFixed(3);
  return Number(text) === 0 ? '0.000' : text;
}
