/** Data sets: drawn, or read from files. */
export { augmentSummary } from './augment.ts';
export {
  type DatasetEntry,
  type DatasetOption,
  datasetCatalogue,
  datasetFlags,
  loadDataset,
  readsFiles,
  readsImageFiles,
} from './catalogue.ts';
export {
  classFrequencies,
  type Dataset,
  type DatasetRequest,
  floatDataset,
  partOf,
  type Split,
  type SplitRule,
} from './dataset.ts';
export { extensionOf, pathKind } from './files.ts';
export { changeOf, describeDatasets, type Fingerprint, fingerprintOf } from './fingerprint.ts';
export type { GlyphFactors } from './glyph-render.ts';
export { digits8, type GlyphDataset, type GlyphOptions, glyphs } from './glyphs.ts';
export { type DataInspection, inspectData, type ValueSummary } from './inspect-data.ts';
export { checkPartsAgree } from './parts-agree.ts';
export {
  type Modes,
  type PointDistribution,
  type PointDistributionName,
  pointDistributionOf,
  pointDistributions,
} from './point-distributions.ts';
