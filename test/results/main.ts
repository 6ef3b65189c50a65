import { writeFile } from 'node:fs/promises';
import { resultsPage } from './page.ts';

const root = new URL('../../../', import.meta.url); // from test/dist/results
await writeFile(new URL('RESULTS.md', root), await resultsPage(new URL('results/', root)));
console.log('wrote RESULTS.md');
