// @ts-check
import express from 'express';
import { samples } from './samples.mjs';

const [bundle, port = '3000'] = process.argv.slice(2);
if (bundle === undefined) throw new Error('node main.mjs BUNDLE [PORT]');
const { router } = await samples(bundle);
const app = express();
app.use('/samples', router);
app.listen(Number(port), () => console.log(`http://localhost:${port}/samples?count=4&seed=42`));
