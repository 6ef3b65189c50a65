// @ts-check
import { loadSampler } from '@generatrix/node';

const [bundle = 'imported'] = process.argv.slice(2);
const sampler = await loadSampler(bundle, { device: 'cpu' });
const { data } = await sampler.sample({ count: 4, seed: 42 });
await sampler.release();
console.log(`samples of shape [${data.shape.join(', ')}]: ${Array.from(data.data, Number).join(', ')}`);
