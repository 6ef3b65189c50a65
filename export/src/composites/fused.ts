import { tf } from '../tf.ts';
import { composite, type KernelInputs, run } from './composite.ts';

interface FusedAttrs {
  readonly activation?: tf.fused.Activation | null;
  readonly leakyreluAlpha?: number;
}

/** The fused kernels, which tfjs calls when no gradient is taken. */
export const fusedComposites: Record<string, tf.KernelFunc> = {
  _FusedMatMul: composite((inputs, attrs: FusedAttrs & tf._FusedMatMulAttrs) => {
    const { transposeA, transposeB } = attrs;
    const product = run('BatchMatMul', { a: inputs.a, b: inputs.b }, { transposeA, transposeB });
    return finish(product, inputs, attrs);
  }),
  FusedConv2D: composite((inputs, attrs: FusedAttrs & tf.FusedConv2DAttrs) =>
    finish(run('Conv2D', { x: inputs.x, filter: inputs.filter }, attrs), inputs, attrs),
  ),
  FusedDepthwiseConv2D: composite((inputs, attrs: FusedAttrs & tf.FusedDepthwiseConv2DAttrs) =>
    finish(run('DepthwiseConv2dNative', { x: inputs.x, filter: inputs.filter }, attrs), inputs, attrs),
  ),
};

function finish(x: tf.Tensor, inputs: KernelInputs, { activation, leakyreluAlpha }: FusedAttrs): tf.Tensor {
  const biased = inputs.bias ? tf.add(x, inputs.bias) : x;
  switch (activation) {
    case 'relu':
      return tf.relu(biased);
    case 'relu6':
      return tf.relu6(biased);
    case 'elu':
      return tf.elu(biased);
    case 'sigmoid':
      return tf.sigmoid(biased);
    case 'prelu':
      return tf.prelu(biased, inputs.preluActivationWeights!);
    case 'leakyrelu':
      return tf.leakyRelu(biased, leakyreluAlpha ?? 0.2);
    default:
      return biased;
  }
}
