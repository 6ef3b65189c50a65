import type { DeviceRequest, DrawKind, LabelDistribution } from '@generatrix/runtime/core';

/** The attributes that the element follows. */
export const samplerAttributes = [
  'src',
  'count',
  'seed',
  'device',
  'label',
  'labels',
  'draw',
  'temperature',
  'autoload',
] as const;
export type SamplerAttribute = (typeof samplerAttributes)[number];

const devices: readonly string[] = ['auto', 'webgpu', 'wasm'];

/** A server that renders pages may import this; there are no elements there. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/** What is to be sampled, as properties that mirror the element's attributes: each is read from its attribute's text. */
export class AttributedSampler extends Base {
  static readonly observedAttributes = samplerAttributes;

  get src(): string {
    return this.getAttribute('src') ?? '';
  }
  set src(value: string) {
    this.setAttribute('src', value);
  }
  /** Samples at a time, 16 when absent. */
  get count(): number {
    return whole(this.getAttribute('count'), 1, 10_000) ?? 16;
  }
  set count(value: number) {
    this.setAttribute('count', String(value));
  }
  /** 42 when absent: the picture is the same at every visit. */
  get seed(): number {
    return whole(this.getAttribute('seed'), 0, Number.MAX_SAFE_INTEGER) ?? 42;
  }
  set seed(value: number) {
    this.setAttribute('seed', String(value));
  }
  get device(): DeviceRequest {
    const value = this.getAttribute('device') ?? 'auto';
    return (devices.includes(value) ? value : 'auto') as DeviceRequest;
  }
  set device(value: DeviceRequest) {
    this.setAttribute('device', value);
  }
  /** Class of all samples; when absent they take turns. */
  get label(): number | undefined {
    return whole(this.getAttribute('label'), 0, 2 ** 31 - 1);
  }
  set label(value: number | undefined) {
    if (value === undefined) this.removeAttribute('label');
    else this.setAttribute('label', String(value));
  }
  /** How samples without a label get their classes: in turn when absent, or as in the training data. */
  get labels(): LabelDistribution | undefined {
    const value = this.getAttribute('labels');
    return value === 'data' || value === 'balanced' ? value : undefined;
  }
  set labels(value: LabelDistribution | undefined) {
    this.#set('labels', value);
  }
  /** Draws from the model's distribution or means given a code; as the model's bundle says when absent. */
  get draw(): DrawKind | undefined {
    const value = this.getAttribute('draw');
    return value === 'sample' || value === 'mean' ? value : undefined;
  }
  set draw(value: DrawKind | undefined) {
    this.#set('draw', value);
  }
  get temperature(): number | undefined {
    const text = this.getAttribute('temperature');
    const value = Number(text);
    return text === null || text === '' || !Number.isFinite(value) ? undefined : value;
  }
  set temperature(value: number | undefined) {
    if (value === undefined) this.removeAttribute('temperature');
    else this.setAttribute('temperature', String(value));
  }

  #set(name: string, value: string | undefined): void {
    if (value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }
}

function whole(text: string | null, min: number, max: number): number | undefined {
  const value = Number(text);
  if (text === null || text.trim() === '' || !Number.isSafeInteger(value)) return undefined;
  return value >= min && value <= max ? value : undefined;
}
