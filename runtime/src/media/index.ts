/** Pictures, sound and arrays as files, in Node: what the command line, the server and the data readers share. */
export {
  type DecodedShape,
  decodeImageFile,
  decodePng,
  encodePng,
  imageFileSize,
  imageIsGrey,
  type Raster,
} from './codec.ts';
export { imageGrid } from './image.ts';
export { npyBytes, npyHeader } from './npy.ts';
export { densityPlot, plotRegion, scatterPlot } from './points.ts';
export { canRender, renderSamples } from './render.ts';
export { decodeWav, encodeWav, type Sound } from './wav.ts';
