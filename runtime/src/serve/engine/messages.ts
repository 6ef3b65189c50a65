import type { Manifest } from '../../bundle/manifest-schema.ts';
import type { Seed } from '../../noise/noise.ts';
import type { Device, DeviceRequest } from '../../program/executor.ts';
import type { InputSpec } from '../../program/program.ts';
import type { HostTensor } from '../../program/tensor.ts';

/** What the server and its workers, processes of their own, say to each other. */

/** What a worker is started with. */
export interface WorkerSettings {
  readonly device: DeviceRequest;
  readonly threads: number;
  /** Memory that the process may take, bytes. */
  readonly memoryBytes: number;
}

/** What it is told besides. */
export interface WorkerChannels {
  /** Whether it shares memory with the server. */
  readonly shares: boolean;
}

export type Values = HostTensor['data'];
type Inputs = Readonly<Record<string, InputSpec>>;

/** A program's bytes: a worker that is replaced gets the verified ones, even if the files have changed since. */
export interface SharedProgram {
  readonly inputs: Inputs;
  readonly onnx: Uint8Array;
  /** Files that it takes weights from, by their names; programs of a bundle share them. */
  readonly weights: Readonly<Record<string, Uint8Array>>;
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
export type Death = 'exit' | 'throw' | 'heap' | 'memory';

/** Requests by what answers them. */
export interface Answers {
  inspect: InspectedBundle;
  try: null;
  forget: null;
  load: null;
  run: BatchAnswer;
}

export type WorkerRequest =
  | { readonly kind: 'inspect'; readonly folder: string }
  /** Runs a program of the bundle that was inspected last, once. */
  | { readonly kind: 'try'; readonly program: string }
  /** Frees the bundle that was inspected last. */
  | { readonly kind: 'forget' }
  | {
      /** Compiles a program of a model. */
      readonly kind: 'load';
      readonly model: number;
      /** Of the model. */
      readonly name: string;
      readonly program: string;
      readonly shared: SharedProgram;
    }
  | { readonly kind: 'run'; readonly model: number; readonly program: string; readonly rows: BatchRows };

/** A request, and the place in shared memory where its typed arrays may be, and those of its answer. */
type Asked = WorkerRequest & { readonly id: number; readonly place?: number | undefined };

export type ToWorker =
  | Asked
  | { readonly kind: 'unload'; readonly model: number; readonly program: string }
  | { readonly kind: 'close' }
  /** For tests: stands still, as in a long run, until a file is there, and then dies if that is asked for. */
  | { readonly kind: 'hold'; readonly gate: string; readonly death?: Death };

export type FromWorker =
  | { readonly kind: 'ready'; readonly device: Device }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'done'; readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string; readonly user: boolean };

/** The file descriptor of a worker's end of the socket. */
export const channel = 3;
/** That of the memory which it shares with the server, where there is such. */
export const sharedDescriptor = 4;
