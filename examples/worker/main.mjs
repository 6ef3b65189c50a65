// @ts-check
import { WorkerSampler } from './worker-sampler.mjs';

const [bundle] = process.argv.slice(2);
if (bundle === undefined) throw new Error('node main.mjs BUNDLE');
const sampler = new WorkerSampler(bundle);
try {
  const { shape, data } = await sampler.sample(4, 42);
  console.log(
    `samples of shape [${shape.join(', ')}], the first values: ${[...data.slice(0, 4)].join(', ')}`,
  );
} finally {
  await sampler.close();
}
