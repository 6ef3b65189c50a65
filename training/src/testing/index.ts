/** Data, models and checks for tests, in this package and the others; only sources, never published. */
export { familyCases } from './cases.ts';
export type { FamilyCase } from './family-case.ts';
export { exportedSampler, stirredModel } from './sampler-test-support.ts';
export { stirredState } from './stirred-state.ts';
export { expectUserError, folderOf, testWithData } from './test-support.ts';
export { describeData, firstExamples, labelled, tinyImages, tinyPoints, tinySounds } from './tiny-data.ts';
