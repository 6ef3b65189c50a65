import { type DataSpec, fillInputs, fillNoise, hostTensor } from '@generatrix/runtime';
import { fitLine, median, readable } from './timing.ts';
import { drain, loadProgram, samplerOf, untrainedModel } from './untrained.ts';

const sampleRate = 8000;
const soundOf = (samples: number): DataSpec => ({
  kind: 'audio',
  shape: [samples],
  sampleRate,
  range: [-1, 1],
});

/**
 * One second at 8 kHz from a WaveNet, one clip. Cached: the program `sample`. Naive: for each sample one pass of the
 * whole network (that of `logProb`), over the clip so far, or over as much of it as the receptive field reaches.
 */
export async function benchWavenet(): Promise<void> {
  await benchDepth('3 layers x 2 stacks', { layers: 3, stacks: 2 });
  await benchDepth('7 layers x 2 stacks', { layers: 7, stacks: 2 });
}

async function benchDepth(title: string, options: { layers: number; stacks: number }): Promise<void> {
  const spec = soundOf(sampleRate);
  const sampler = await samplerOf(untrainedModel('wavenet', options, spec), spec, ['sample', 'advance']);
  const cached = await median(() => sampler.sample({ count: 1, seed: 1 }), 3000);
  const chunks = sampler.manifest.programs.advance!.stream!.chunks;
  const streamed = await median(() => drain(sampler.stream({ count: 1, seed: 1 })), 3000);
  await sampler.release();
  console.log(`wavenet, ${title}, 1 s at 8 kHz: cached ${readable(cached)}`);
  console.log(
    `wavenet, ${title}: stream of ${chunks} parts ${readable(streamed)} (${(streamed / cached).toFixed(2)} times)`,
  );
  const lengths = [500, 1000, 2000, 4000];
  const passes: [number, number][] = [];
  for (const length of lengths) passes.push([length, await passTime(options, length)]);
  const { slope, intercept } = fitLine(passes);
  const clipSoFar = (slope * sampleRate * (sampleRate + 1)) / 2 + Math.max(0, intercept) * sampleRate;
  console.log(
    `wavenet, ${title}: naive over the clip so far ${readable(clipSoFar)} (from passes over ${lengths.join(', ')} samples), ` +
      `${(clipSoFar / cached).toFixed(0)} times the cached time`,
  );
  const field = 2 + options.stacks * (2 ** options.layers - 1);
  const fieldOnly = (await passTime(options, field)) * sampleRate;
  console.log(
    `wavenet, ${title}: naive over the ${field} samples of the receptive field ${readable(fieldOnly)} (from one pass), ` +
      `${(fieldOnly / cached).toFixed(1)} times the cached time`,
  );
}

/** Milliseconds of one pass over so many samples. */
async function passTime(options: Record<string, unknown>, samples: number): Promise<number> {
  const model = untrainedModel('wavenet', options, soundOf(samples));
  const pass = await loadProgram(model, 'logProb');
  const key = { seed: 1, firstIndex: 0, count: 1 };
  const values = fillNoise({ distribution: 'uniform', ...key, stream: 'data', shape: [samples] });
  const data = hostTensor('float32', [1, samples], values);
  const inputs = fillInputs('logProb', model.programs.logProb!.signature.inputs, { ...key, data });
  const time = await median(() => pass.run(inputs), 1000);
  await pass.release();
  return time;
}
