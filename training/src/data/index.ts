/** Data sets: drawn, or read from files. */

export { isModulePath } from '../plugin/load-module.ts';
export { augmentSummary } from './augment.ts';
export {
  type DatasetEntry,
  type DatasetOption,
  datasetCatalogue,
  datasetFlags,
  datasetNames,
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
export {
  addDataset,
  type DatasetCall,
  type DatasetDeclaration,
  type DatasetPart,
  type DatasetPlugin,
  datasetModule,
  datasetPlugins,
  defineDataset,
  loadDatasetPlugin,
} from './dataset-plugin.ts';
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
export { nearestDistances, type RowPrivacy, rowPrivacy } from './row-privacy.ts';
export { readTableRows, type TablePart } from './table-rows-dataset.ts';
