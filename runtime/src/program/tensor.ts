/** Element types that programs take and return. `bool` is stored one byte each, 0 or 1. */
export type DType = 'float32' | 'int32' | 'bool';

export interface TypedArrayOf {
  float32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
}

/** A tensor on the host: row-major values and their shape. */
export type HostTensor = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: TypedArrayOf[D] };
}[DType];

/** A tensor that an executor keeps on its device, to be fed back into a later run without a copy. */
export interface DeviceTensor {
  readonly location: 'device';
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Copies the values to the host. */
  download(): Promise<HostTensor>;
  /** Frees the device memory. The tensor must not be used afterwards. */
  dispose(): void;
}

/** Number of elements of a tensor of this shape; a scalar has one. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Allocates zeros for `size` elements of the type. */
export function allocate<D extends DType>(dtype: D, size: number): TypedArrayOf[D] {
  const constructors = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
  return new constructors[dtype](size) as TypedArrayOf[D];
}

const fromArray = {
  float32: (values: ArrayLike<number>) =>
    values instanceof Float32Array ? values : Float32Array.from(values),
  int32: (values: ArrayLike<number>) => (values instanceof Int32Array ? values : Int32Array.from(values)),
  bool: (values: ArrayLike<number>) => (values instanceof Uint8Array ? values : Uint8Array.from(values)),
};

/**
 * Wraps values as a host tensor, converting a plain array to the type's storage; a typed array of the right
 * kind is kept, not copied.
 * @throws when the number of values is not the product of the shape.
 */
export function hostTensor(dtype: DType, shape: readonly number[], values: ArrayLike<number>): HostTensor {
  if (values.length !== sizeOf(shape)) {
    throw new Error(`hostTensor: shape [${shape}] needs ${sizeOf(shape)} values, got ${values.length}`);
  }
  return { dtype, shape: [...shape], data: fromArray[dtype](values) } as HostTensor;
}
