import { test } from 'vitest';
import { fillNoise } from './noise.ts';
import { logOfWord } from './box-muller.ts';
test('speed', () => {
  for (const law of ['normal','uniform'] as const) for (let k=0;k<3;k++) { const t=performance.now(); fillNoise({law, seed: 42, stream:'a', firstIndex:0, count: 10000, shape:[100]}); console.log(law, (performance.now()-t).toFixed(1),'ms per 1e6'); }
  let worst=0; for (let i=0;i<1e6;i++){ const w=Math.floor(Math.random()*2**32); const e=Math.log((w+0.5)/2**32); worst=Math.max(worst,Math.abs(logOfWord(w)/e-1)); }
  for (const w of [0,1,2,3,2**32-1,2**32-2,2**31,2**31-1, 3037000499]) { const e=Math.log((w+0.5)/2**32); console.log(w, logOfWord(w)/e-1); worst=Math.max(worst,Math.abs(logOfWord(w)/e-1));}
  console.log(worst);
});
