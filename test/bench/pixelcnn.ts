import { type DataSpec, fillInputs, fillNoise, hostTensor } from '@generatrix/runtime';
import { fitLine, median, once, readable } from './timing.ts';
import { drain, loadProgram, samplerOf, untrainedModel } from './untrained.ts';

const count = 64;
const sides = [8, 12, 16, 20, 28];
/** Sides at which the naive loop is run to its end; at the last, one of its passes stands for all. */
const naiveSides = [8, 12];

function imagesOf(side: number): DataSpec {
  return { kind: 'image', shape: [side, side, 1], range: [0, 1] };
}

/**
 * Sampling 64 images from a gated PixelCNN of the default size. Cached: the program `sample`, every layer computed
 * once for each pixel. Naive: for each pixel one pass of the whole network over the whole images, the pass of
 * `logProb` (drawing the pixel is left out, in its favour).
 */
export async function benchPixelcnn(): Promise<void> {
  const points: [number, number][] = [];
  for (const side of sides) {
    const model = untrainedModel('pixelcnn', {}, imagesOf(side));
    const program = await loadProgram(model, 'sample');
    const inputs = fillInputs('sample', model.programs.sample!.signature.inputs, {
      seed: 1,
      firstIndex: 0,
      count,
    });
    const time = await median(() => program.run(inputs), 2000);
    await program.release();
    points.push([Math.log(side * side), Math.log(time)]);
    console.log(`pixelcnn, ${count} images of ${side} x ${side}: cached ${readable(time)}`);
    if (naiveSides.includes(side) || side === sides.at(-1)) await benchNaive(side, time);
  }
  const { slope } = fitLine(points);
  console.log(`pixelcnn: slope of log time over log pixels ${slope.toFixed(2)} (linear is 1)`);
  await benchRows();
}

async function benchNaive(side: number, cached: number): Promise<void> {
  const model = untrainedModel('pixelcnn', {}, imagesOf(side));
  const shape = [side, side, 1];
  const values = fillNoise({ distribution: 'uniform', seed: 2, stream: 'data', firstIndex: 0, count, shape });
  const data = hostTensor('float32', [count, ...shape], values);
  const inputs = fillInputs('logProb', model.programs.logProb!.signature.inputs, {
    seed: 1,
    firstIndex: 0,
    count,
    data,
  });
  const pass = await loadProgram(model, 'logProb');
  await pass.run(inputs);
  const pixels = side * side;
  const whole = naiveSides.includes(side);
  const passes = whole ? pixels : 5;
  const time = await once(async () => {
    for (let pixel = 0; pixel < passes; pixel++) await pass.run(inputs);
  });
  await pass.release();
  const naive = (time * pixels) / passes;
  const how = whole ? '' : ` (from ${passes} of its ${pixels} passes)`;
  console.log(
    `pixelcnn, ${count} images of ${side} x ${side}: naive ${readable(naive)}${how}, ${(naive / cached).toFixed(0)} times the cached time`,
  );
}

/** The loop over rows inside one program, against a call for each row from the host. */
async function benchRows(): Promise<void> {
  const spec = imagesOf(28);
  const sampler = await samplerOf(untrainedModel('pixelcnn', {}, spec), spec, ['sample', 'advance']);
  for (const images of [1, count]) {
    const whole = await median(() => sampler.sample({ count: images, seed: 1 }), 2000);
    const rows = await median(() => drain(sampler.stream({ count: images, seed: 1 })), 2000);
    console.log(
      `pixelcnn, ${images} images of 28 x 28: sample ${readable(whole)}, stream of 28 rows ${readable(rows)} (${(rows / whole).toFixed(2)} times)`,
    );
  }
  await sampler.release();
}
