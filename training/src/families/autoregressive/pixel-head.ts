import { activations } from '../../nn/activations.ts';
import { dense } from '../../nn/dense.ts';
import { lecunNormal } from '../../nn/initial-values.ts';
import { type Module, sequential } from '../../nn/module.ts';

/** How the kernels of networks over pixels start. */
export const pixelStart = { initial: lecunNormal } as const;

/** From the last layer to the parameters of the pixels' distributions, in drawing and training: [..., F] to [..., C]. */
export function pixelHead(network: {
  readonly filters: number;
  readonly headFilters: number;
  readonly distribution: { readonly width: number };
}): Module {
  const { filters, headFilters, distribution } = network;
  const { relu } = activations;
  return sequential([
    relu,
    dense('head/0', filters, headFilters, pixelStart),
    relu,
    dense('head/1', headFilters, distribution.width, pixelStart),
  ]);
}
