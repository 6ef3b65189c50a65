import type { Manifest } from '../../bundle/manifest-schema.ts';
import type { Seed } from '../../noise/noise.ts';
import type { Device, DeviceRequest } from '../../program/executor.ts';
import type { InputSpec } from '../../program/program.ts';
import type { HostTensor } from '../../program/tensor.ts';

/** What the main thread and its workers say to each other. */

/** What a worker is started with. */
export interface WorkerSettings {
  readonly device: DeviceRequest;
  readonly threads: number;
}

export type Values = HostTensor['data'];
type Inputs = Readonly<Record<string, InputSpec>>;

/** A program's bytes, shared by all threads: a worker that is replaced gets the verified bytes, even if the files have changed since. */
export interface SharedProgram {
  readonly inputs: Inputs;
  readonly onnx: SharedArrayBuffer;
  /** Files that it takes weights from, by their names; programs of a bundle share them. */
  readonly weights: Readonly<Record<string, SharedArrayBuffer>>;
}

/**
 * The rows of one run, in parts that need not be of one request. Columns rather than an object for each part: cloning
 * 64 small objects would take as long as a small model's run.
 */
export interface BatchRows {
  readonly seeds: readonly Seed[];
  readonly firstIndices: readonly number[];
  readonly counts: readonly number[];
  readonly draws: readonly number[];
  /** Every scalar of the program. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Values that were given, by input and part. */
  readonly given: Readonly<Record<string, Readonly<Record<number, Values>>>>;
  /** Rows of the run, those that fill it up included. */
  readonly paddedRows: number;
}

/** A bundle that was found whole. */
export interface InspectedBundle {
  readonly manifest: Manifest;
  /** SHA-256 of its manifest, which has the hashes of all other files. */
  readonly digest: string;
  readonly programs: Readonly<Record<string, SharedProgram>>;
}

export interface BatchAnswer {
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** Filling and running, milliseconds. */
  readonly runMs: number;
}

/** How a test makes a worker die. */
export type Death = 'exit' | 'throw' | 'heap';

/** Requests by what answers them. */
export interface Answers {
  inspect: InspectedBundle;
  load: null;
  run: BatchAnswer;
}

export type WorkerRequest =
  | { readonly kind: 'inspect'; readonly folder: string }
  | {
      readonly kind: 'load';
      readonly model: number;
      readonly name: string;
      readonly programs: Readonly<Record<string, SharedProgram>>;
      /** Compiles everything now; else each program when it is first used. */
      readonly eager: boolean;
    }
  | { readonly kind: 'run'; readonly model: number; readonly program: string; readonly rows: BatchRows };

export type ToWorker =
  | (WorkerRequest & { readonly id: number })
  | { readonly kind: 'unload'; readonly model: number }
  | { readonly kind: 'close' }
  /** For tests: blocks the thread until the first element is not 0, and then lets it die if that is asked for. */
  | { readonly kind: 'hold'; readonly gate: Int32Array; readonly death?: Death };

export type FromWorker =
  | { readonly kind: 'ready'; readonly device: Device }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'done'; readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string; readonly user: boolean };
