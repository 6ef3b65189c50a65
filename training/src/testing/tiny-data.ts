import { floatDataset } from '../data/dataset.ts';

/** Tiny data for tests; `generatrix check` uses the same. */
export {
  describeData,
  firstExamples,
  labelled,
  tinyImages,
  tinyPoints,
  tinySounds,
  tinyTable,
} from '../check/tiny-data.ts';

/** Stripes of one direction each: binary images whose pixels depend on each other. */
export const tinyStripes = floatDataset(
  {
    ...{ name: 'stripes', split: 'train', spec: { kind: 'image', shape: [3, 4, 1], range: [0, 1] } },
    ...{ size: 40, labels: null, classNames: [] },
  },
  Float32Array.from({ length: 40 * 12 }, (_, i) => {
    const [image, pixel] = [Math.floor(i / 12), i % 12];
    const line = image % 2 === 0 ? Math.floor(pixel / 4) : pixel % 4;
    return (Math.floor(image / 2) >> line) & 1;
  }),
);
