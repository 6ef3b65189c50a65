/** Data sets: drawn, or read from files. */
export {
  type DatasetEntry,
  type DatasetOption,
  datasetCatalogue,
  datasetFlags,
  loadDataset,
  readsFiles,
  readsImageFiles,
} from './catalogue.ts';
export { closestNames } from './closest-names.ts';
export { type Dataset, type DatasetRequest, floatDataset, type Split } from './dataset.ts';
export { changeOf, describeDatasets, type Fingerprint, fingerprintOf } from './fingerprint.ts';
export type { GlyphFactors } from './glyph-render.ts';
export { digits8, type GlyphDataset, type GlyphOptions, glyphs } from './glyphs.ts';
export { checkPartsAgree } from './parts-agree.ts';
export {
  type Modes,
  type PointDistribution,
  type PointDistributionName,
  pointDistributionOf,
  pointDistributions,
} from './point-distributions.ts';
export type { SplitRule } from './split.ts';
