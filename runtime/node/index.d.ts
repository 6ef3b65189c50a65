/** Loading and sampling bundles in Node: everything in `@generatrix/runtime`, with onnxruntime for Node. */
export * from '@generatrix/runtime/node';
