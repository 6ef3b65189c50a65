import type { Manifest } from '@generatrix/runtime/core';
import { make } from '../view/make.ts';
import { saveFile } from '../view/save-file.ts';
import { zipFolder } from '../view/zip-folder.ts';

/** What is taken away: a model, and what the page drew of it. */
export interface Taken {
  readonly manifest: Manifest;
  /** Address of the bundle's folder, ending in `/`. */
  readonly url: string;
  readonly count: number;
  readonly seed: number;
  /** What is shown, if anything is. */
  readonly canvas: HTMLCanvasElement | null;
}

/** Sides of saved pictures are at least so long, in pixels: images of a few pixels are enlarged without smoothing. */
const pictureSide = 512;

/** Puts buttons into a container by which the visitor takes a model along. @param say shows one line of what was done */
export function offerTakeAway(container: HTMLElement, taken: () => Taken, say: (line: string) => void): void {
  const act = (label: string, task: (what: Taken) => Promise<string>) => {
    const button = make('button', { type: 'button' }, label);
    button.addEventListener('click', () => {
      button.disabled = true;
      task(taken())
        .then(say, (error: unknown) => say(error instanceof Error ? error.message : String(error)))
        .finally(() => {
          button.disabled = false;
        });
    });
    return button;
  };
  const node = make('pre', { tabIndex: 0, 'aria-label': 'Commands and code for Node' });
  const details = make('details', {}, make('summary', {}, 'Open in Node'), node);
  details.addEventListener('toggle', () => {
    node.textContent = nodeCode(taken());
  });
  container.replaceChildren(
    make(
      'div',
      { className: 'take' },
      act('Copy embed code', copyEmbedCode),
      act('Save picture', savePicture),
      act('Download bundle', downloadBundle),
    ),
    details,
  );
}

/** The tag and the script that show a model's samples in another page. */
export function embedCode({ url, count, seed }: Pick<Taken, 'url' | 'count' | 'seed'>, base: string): string {
  const script = new URL('generatrix-sampler.js', base).href;
  return [
    `<script type="module" src="${script}"></script>`,
    `<generatrix-sampler src="${url.replace(/\/$/, '')}" count="${count}" seed="${seed}"></generatrix-sampler>`,
  ].join('\n');
}

/** How the bundle, once it is unpacked, is sampled by the command and by the library. */
export function nodeCode({ manifest, count, seed }: Pick<Taken, 'manifest' | 'count' | 'seed'>): string {
  const name = folderName(manifest);
  return [
    '# after "Download bundle", and unzipping it here',
    `npx generatrix sample ${name} --count ${count} --seed ${seed} --out ${name}.png`,
    '',
    '// or in a module',
    "import { loadSampler } from '@generatrix/runtime';",
    `const sampler = await loadSampler('${name}');`,
    `const { data } = await sampler.sample({ count: ${count}, seed: ${seed} });`,
  ].join('\n');
}

/** The model's name as that of a folder, which neither a shell nor a line of code takes apart. */
function folderName({ name }: Pick<Manifest, 'name'>): string {
  return name.replace(/[^\w.-]+/g, '-').replace(/^[.-]+/, '') || 'model';
}

async function copyEmbedCode(taken: Taken): Promise<string> {
  await navigator.clipboard.writeText(embedCode(taken, document.baseURI));
  return 'Copied: the script and the tag that show these samples in another page';
}

async function savePicture({ canvas, manifest, seed }: Taken): Promise<string> {
  if (!canvas) throw new Error('there is no picture yet');
  const factor = canvas.classList.contains('pixels')
    ? Math.ceil(pictureSide / Math.max(canvas.width, canvas.height))
    : 1;
  const picture = make('canvas', { width: canvas.width * factor, height: canvas.height * factor });
  const context = picture.getContext('2d')!;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, picture.width, picture.height);
  const blob = await new Promise<Blob | null>((resolve) => picture.toBlob(resolve));
  if (!blob) throw new Error('this browser writes no pictures');
  return saveFile(blob, `${folderName(manifest)}-${seed}.png`);
}

/** Every file that the manifest names, zipped in a folder of the model's name. */
async function downloadBundle({ manifest, url }: Taken): Promise<string> {
  const text = await fetched(new URL('model.json', url));
  const names = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { file, sha256 } = value as { file?: unknown; sha256?: unknown };
    if (typeof file === 'string' && typeof sha256 === 'string') names.add(file);
    for (const member of Object.values(value)) look(member);
  };
  look(JSON.parse(new TextDecoder().decode(text)));
  const folder = folderName(manifest);
  const files: Record<string, Uint8Array> = { 'model.json': text };
  for (const file of names) {
    const address = new URL(file, url);
    if (!address.href.startsWith(url)) throw new Error(`${file}: the bundle names a file outside its folder`);
    files[file] = await fetched(address);
  }
  // Stored as they are: weights hardly shrink.
  const bytes = zipFolder(folder, files, 0);
  return saveFile(new Blob([bytes], { type: 'application/zip' }), `${folder}.zip`);
}

async function fetched(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`${url.pathname} cannot be fetched: the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
