import { fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';

/** Draws of the standard normal distribution, [count, size]: codes of models whose code follows it. */
export function normals(seed: number, stream: string, count: number, size: number): Float32Array[] {
  const distribution = 'normal' as const;
  const all = fillNoise({ distribution, seed, stream, firstIndex: 0, count, shape: [size] });
  return Array.from({ length: count }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/**
 * Two random directions, orthogonal (Gram and Schmidt) and half as long as codes of the standard normal distribution
 * are, sqrt(size) / 2: twice a direction is where most codes lie. In one dimension the second is 0.
 */
export function randomPlane(seed: number, size: number): readonly [Float32Array, Float32Array] {
  const [a, b] = normals(seed, 'explorer/plane', 2, size) as [Float32Array, Float32Array];
  const first = unit(a);
  const along = dot(first, b);
  const second = size > 1 ? unit(b.map((value, i) => value - along * first[i]!)) : new Float32Array(1);
  const length = Math.max(1, Math.sqrt(size) / 2);
  return [first.map((value) => value * length), second.map((value) => value * length)];
}

/** Direction of one coordinate. */
export function axis(index: number, size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => (i === index ? 1 : 0));
}

/** Codes as a batch. */
export function stack(codes: readonly ArrayLike<number>[], shape: readonly number[]): HostTensor {
  const size = codes[0]?.length ?? 0;
  const all = new Float32Array(codes.length * size);
  codes.forEach((code, i) => {
    all.set(code, i * size);
  });
  return hostTensor('float32', [codes.length, ...shape], all);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}

function unit(a: Float32Array): Float32Array {
  const length = Math.sqrt(dot(a, a)) || 1;
  return a.map((value) => value / length);
}
