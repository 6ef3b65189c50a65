import type { Request, Response } from 'express';
import type { Manifest } from '../../../bundle/manifest-schema.ts';
import { canRender, encodePng, imageGrid, npyHeader, renderSamples } from '../../../media/index.ts';
import { csvHeader, csvLines, tableRows } from '../../../media/table-rows.ts';
import type { Samples } from '../../../model/contract.ts';
import type { Seed } from '../../../noise/noise.ts';
import { type HostTensor, sizeOf } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import { sendBytes, sendJson } from '../answer.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { TensorText } from '../json/tensor-text.ts';
import { tensorBytes } from '../oip/tensors.ts';
import { seedJson } from '../seed.ts';
import type { RequestModel } from './programs.ts';
import type { Presentation } from './schemas.ts';

type Format = NonNullable<Presentation['format']>;

/** Media types of the Accept header, and what each asks for. */
const mediaTypes: Readonly<Record<string, { format: Format; layout?: 'grid' | 'strip' }>> = {
  'application/json': { format: 'json' },
  'image/png': { format: 'png' },
  'image/png;layout=strip': { format: 'png', layout: 'strip' },
  'image/png;layout=grid': { format: 'png', layout: 'grid' },
  'application/x-npy': { format: 'npy' },
  'audio/wav': { format: 'wav' },
  'text/csv': { format: 'csv' },
};

export const formatTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  png: 'image/png',
  npy: 'application/x-npy',
  wav: 'audio/wav',
  csv: 'text/csv',
};

/** Pixels of one PNG: what a large count and a large scale make together is bounded. */
const maxPixels = 2 ** 24;

/** The formats that a model's samples can be shown in. */
export function formatsOf({ data }: Manifest): readonly Format[] {
  if (data.kind === 'points' && data.columns !== undefined) return ['json', 'csv', 'npy'];
  if (!canRender(data)) return ['json', 'npy'];
  return data.kind === 'audio' ? ['json', 'wav', 'npy'] : ['json', 'png', 'npy'];
}

/**
 * What a request wants its samples as: the field `format`, else the Accept header, else JSON.
 * @throws HttpError 406 when the model's samples cannot be shown so, before any is drawn.
 */
export function chooseFormat(
  request: Request,
  model: ServedModel,
  presentation: Presentation,
): Presentation & { readonly format: Format } {
  const possible = formatsOf(model.manifest);
  const { format } = presentation;
  if (format !== undefined) {
    if (possible.includes(format)) return { ...presentation, format };
    throw new HttpError(
      406,
      `format: samples of ${model.name} (${model.manifest.data.kind}) can be ${possible.join(', ')}, not ${format}`,
    );
  }
  const offered = Object.keys(mediaTypes).filter((type) => possible.includes(mediaTypes[type]!.format));
  const accepted = request.accepts(offered);
  if (accepted === false) {
    const types = possible.map((name) => formatTypes[name]).join(', ');
    throw new HttpError(406, `Accept: samples of ${model.name} can be ${types}`);
  }
  const chosen = mediaTypes[accepted]!;
  // A parameter without a value, which the negotiation takes for none.
  const strip = chosen.format === 'png' && /image\/png\s*;\s*strip\b/i.test(request.get('Accept') ?? '');
  return {
    ...chosen,
    ...(strip && { layout: 'strip' }),
    ...withoutUndefined(presentation),
    format: chosen.format,
  };
}

function withoutUndefined(presentation: Presentation): Presentation {
  return Object.fromEntries(Object.entries(presentation).filter(([, value]) => value !== undefined));
}

/** Characters of a number and what stands around it, about. */
const charactersPerValue = 16;
/** Of one answer in JSON: a client that reads more has use for another format. */
const maxCharacters = 2 ** 28;

/**
 * Refuses what would be too large to show, before any of it is drawn.
 * @throws HttpError 400 that says what can be asked for instead.
 */
export function checkSize(
  { manifest }: ServedModel,
  count: number,
  presentation: Presentation & { readonly format: Format },
): void {
  const { format } = presentation;
  if (format === 'png') columnsOf(manifest, count, presentation);
  const { shape } = manifest.data;
  if (format === 'json') checkTextSize(count, sizeOf(shape), 'as application/x-npy');
  if (format === 'csv') checkTextSize(count, sizeOf(shape), 'in parts, by first_index', 'CSV');
}

/** @param otherwise how so many values can be had. @throws HttpError 400. */
export function checkTextSize(count: number, valuesPerRow: number, otherwise: string, kind = 'JSON'): void {
  const characters = count * valuesPerRow * charactersPerValue;
  if (characters <= maxCharacters) return;
  const most = Math.floor(maxCharacters / (valuesPerRow * charactersPerValue));
  const fewer = most > 0 ? `for at most ${most} rows at a time, or ` : '';
  throw new HttpError(
    400,
    `the answer would be about ${characters} bytes of ${kind}: ask ${fewer}for it ${otherwise}`,
  );
}

/** Samples with what the answer says about them. */
export interface Drawn {
  readonly model: RequestModel;
  readonly program: string;
  /** Absent where no noise was drawn. */
  readonly seed?: Seed;
  readonly samples: Pick<Samples, 'data' | 'outputs'>;
}

/** Answers with samples in the format chosen. */
export async function sendSamples(
  context: ServerContext,
  response: Response,
  drawn: Drawn,
  presentation: Presentation & { readonly format: Format },
): Promise<void> {
  const { model, program, seed, samples } = drawn;
  const { data, outputs } = samples;
  const version = model.version();
  const others = Object.entries(outputs).filter(([, tensor]) => tensor !== data);
  response.vary('Accept');
  if (seed !== undefined) response.set('Generatrix-Seed', String(seed));
  response.set('Generatrix-Version', version);
  if (presentation.format !== 'json') {
    const bytes = await encodeSamples(model, data, presentation);
    return sendBytes(response.type(formatTypes[presentation.format]), bytes);
  }
  await sendJson(context, response, {
    model: model.name,
    version,
    program,
    ...(seed !== undefined && { seed: seedJson(seed) }),
    count: data.shape[0],
    shape: data.shape,
    data: new TensorText(data),
    ...tableOf(model, data),
    ...(others.length > 0 && {
      outputs: Object.fromEntries(others.map(([name, tensor]) => [name, new TensorText(tensor)])),
    }),
  });
}

/** The names of a table's columns and its rows, where the samples stand for some. */
function tableOf({ manifest }: RequestModel, samples: HostTensor) {
  const { data } = manifest;
  if (data.kind !== 'points' || data.columns === undefined) return {};
  return { columns: data.columns.map(({ name }) => name), rows: tableRows(samples, data.columns) };
}

async function encodeSamples(
  model: RequestModel,
  samples: HostTensor,
  { format, layout, columns, scale = 1 }: Presentation,
): Promise<Uint8Array[]> {
  const spec = model.manifest.data;
  if (format === 'npy') return [npyHeader(samples), tensorBytes(samples)];
  if (format === 'csv' && spec.kind === 'points' && spec.columns !== undefined) {
    const { columns: named } = spec;
    return [new TextEncoder().encode(csvHeader(named) + csvLines(tableRows(samples, named), named))];
  }
  if (spec.kind !== 'image') return [(await renderSamples(samples, spec)).bytes];
  const across = columnsOf(model.manifest, samples.shape[0]!, { layout, columns, scale });
  return [await encodePng(imageGrid(samples, { range: spec.range, columns: across, scale }))];
}

/** How many pictures stand side by side. @throws HttpError 400 when there would be too many pixels. */
function columnsOf({ data }: Manifest, count: number, { layout, columns, scale = 1 }: Presentation): number {
  const across = Math.min(count, layout === 'strip' ? count : (columns ?? Math.ceil(Math.sqrt(count))));
  const [height = 1, width = 1] = data.shape;
  const pixels = across * width * Math.ceil(count / across) * height * scale * scale;
  if (pixels <= maxPixels) return across;
  throw new HttpError(
    400,
    `the PNG would have ${pixels} pixels, more than ${maxPixels}: ask for fewer samples`,
  );
}
