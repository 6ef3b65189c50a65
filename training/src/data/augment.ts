import {
  type DataSpec,
  type HostTensor,
  hostTensor,
  type RandomStream,
  randomStream,
  UserError,
} from '@generatrix/runtime/core';
import { type Picture, transforms } from './augment-transforms.ts';

/** Changes a batch of examples: float32 [n, h, w, c], the examples' indices in the training data, the epoch. */
export type Augmentation = (data: HostTensor, indices: ArrayLike<number>, epoch: number) => HostTensor;

interface Stage {
  readonly name: keyof typeof transforms;
  readonly amount: number;
}

/** What `--augment` says in the help. */
export const augmentSummary =
  'random changes of training images, joined by commas: flip (mirrored left to right; not where that changes what ' +
  'the image is, such as a digit), crop:PIXELS (shifted, edges reflected), rotate:DEGREES, cutout:PIXELS (a grey square)';

/**
 * Reads `flip,crop:4,rotate:10,cutout:8`.
 * @throws UserError when a name is unknown or twice there, or an amount is missing or out of range.
 */
export function parseAugmentation(text: string): Stage[] {
  const stages = text.split(',').map((part): Stage => {
    const [name = '', value, ...rest] = part.trim().split(':');
    if (!isTransform(name) || rest.length > 0) {
      throw new UserError(
        `--augment ${text}: expected ${Object.keys(transforms).join(', ')} joined by commas, found '${part}'`,
      );
    }
    const { amount } = transforms[name];
    if (amount === null) {
      if (value === undefined) return { name, amount: 0 };
      throw new UserError(`--augment ${text}: ${name} takes no amount; write ${name}`);
    }
    const number = Number(value);
    if (value !== undefined && value.trim() !== '' && amount.accepts(number)) return { name, amount: number };
    throw new UserError(
      `--augment ${text}: expected ${name}:${amount.unit} with ${amount.expected}, found '${part}'`,
    );
  });
  const twice = stages.find(({ name }, at) => stages.findIndex((other) => other.name === name) < at);
  if (twice) throw new UserError(`--augment ${text}: ${twice.name} is there twice; keep one`);
  return stages;
}

/**
 * The augmentation that `--augment` asks for, in the order it names them. What happens to an example depends on the
 * seed, its index, the epoch and the name of the change alone: neither the batch nor other changes matter, and a
 * resumed run goes on with the same.
 * @param text null or absent for none: examples then pass unchanged
 * @throws UserError when the data are no images, or are too small for the amounts.
 */
export function augmentation(text: string | undefined, spec: DataSpec, seed: number): Augmentation {
  if (text === undefined) return (data) => data;
  const stages = parseAugmentation(text);
  if (spec.kind !== 'image') {
    throw new UserError(`--augment changes images; this data is ${spec.kind}: leave --augment out`);
  }
  const [height, width, channels] = spec.shape;
  for (const { name, amount } of stages) {
    if ((name === 'crop' || name === 'cutout') && amount >= Math.min(height, width)) {
      throw new UserError(
        `--augment ${name}:${amount}: expected less than the image's ${Math.min(height, width)} pixels; lower it`,
      );
    }
  }
  const fill = (spec.range[0] + spec.range[1]) / 2;
  const area = height * width * channels;
  return (data, indices, epoch) => {
    const out = Float32Array.from(data.data);
    for (let row = 0; row < indices.length; row++) {
      let picture: Picture = { height, width, channels, data: out.subarray(row * area, (row + 1) * area) };
      for (const { name, amount } of stages) {
        const random: RandomStream = randomStream(seed, `augment/${name}/${epoch}`, indices[row]!);
        picture = transforms[name].apply(picture, amount, random, fill);
      }
      out.set(picture.data, row * area);
    }
    return hostTensor('float32', data.shape, out);
  };
}

function isTransform(name: string): name is keyof typeof transforms {
  return Object.hasOwn(transforms, name);
}
