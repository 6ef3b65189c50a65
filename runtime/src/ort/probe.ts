import type { Executor } from '../program/executor.ts';
import { hostTensor } from '../program/tensor.ts';
import { encodeTinyOnnx } from './tiny-onnx.ts';

/** a a + a of a 2x2 matrix: small, yet it makes a device compile and run something. */
export const probeProgram = encodeTinyOnnx({
  nodes: [
    ['MatMul', ['a', 'a'], ['product']],
    ['Add', ['product', 'a'], ['y']],
  ],
  inputs: { a: ['float32', [2, 2]] },
  outputs: { y: ['float32', [2, 2]] },
});
export const probeInput = [1, 2, 3, 4];
export const probeAnswer = [8, 12, 18, 26];

/**
 * Runs a tiny program and checks its result: a device that is listed, or even opens, may still not work.
 * @param options.keep leaves the program loaded when the device works. On WebGPU onnxruntime throws away all compiled
 * shaders with its last session, so that who loads programs one after the other would compile the same ones each time.
 * @throws with the reason when it does not.
 */
export async function probe(executor: Executor, options: { readonly keep?: boolean } = {}): Promise<void> {
  const program = await executor.load('probe', probeProgram);
  let works = false;
  try {
    const { y } = await program.run({ a: hostTensor('float32', [2, 2], probeInput) });
    const got = y && !('location' in y) ? [...y.data] : [];
    // Small whole numbers are exact in any float format, fp16 and TF32 included.
    if (String(got) !== String(probeAnswer)) {
      throw new Error(`probe: expected [${probeAnswer}], got [${got}]: the device computes wrongly`);
    }
    works = true;
  } finally {
    if (!(works && options.keep)) await program.release();
  }
}
