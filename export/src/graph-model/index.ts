export { maximumNodes } from './emitter.ts';
export {
  GraphModelError,
  type GraphModelJson,
  type GraphModelOptions,
  graphModelFiles,
  unsupportedInGraphModel,
  writeGraphModel,
} from './write.ts';
