import type { TensorType } from "../contracts/http/predict.ts";
import { LIMITS } from "../contracts/limits.ts";
import { TensorBroken } from "./broken.ts";

/** Bytes of one element (Open Inference Protocol, "Tensor Data Types"); null: its elements carry their own length. */
export const DATATYPES = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: null,
} as const satisfies Record<TensorType, number | null>;
export type Datatype = TensorType;

/** A tensor as the wire has it: little-endian, row-major; elements of BYTES each behind their length in 4 bytes. */
export interface Tensor {
  name: string;
  datatype: Datatype;
  shape: readonly number[];
  bytes: Uint8Array;
}

const encoder = new TextEncoder();
const broken = (message: string, tensor: string | null = null): TensorBroken => new TensorBroken(message, tensor);

/** Elements of a shape. @throws TensorBroken for a shape that no tensor has. */
export function elementsOf(shape: readonly number[]): number {
  if (shape.length > LIMITS.oipRankMax) throw broken("a tensor has too many dimensions");
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw broken("a tensor's shape is not made of sizes");
    count *= size;
  }
  if (!Number.isSafeInteger(count)) throw broken("a tensor is too large");
  return count;
}

/** The same tensor. @throws TensorBroken where its bytes are not those of its type and shape. */
export function checkedTensor(tensor: Tensor): Tensor {
  const count = elementsOf(tensor.shape);
  const size = DATATYPES[tensor.datatype];
  if (size === null ? bytesElements(tensor.bytes).length !== count : tensor.bytes.length !== count * size)
    throw broken(`the tensor ${tensor.name} has not as much data as its shape says`, tensor.name);
  return tensor;
}

/** A tensor of texts. */
export function textTensor(name: string, shape: readonly number[], texts: readonly string[]): Tensor {
  const elements = texts.map((text) => encoder.encode(text));
  return checkedTensor({ name, datatype: "BYTES", shape, bytes: bytesOfElements(elements) });
}

/** Each element behind its length in 4 bytes. */
function bytesOfElements(elements: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(elements.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    bytes.set(element, at + 4);
    at += 4 + element.length;
  }
  return bytes;
}

/** Elements of a BYTES tensor. @throws TensorBroken where a length points outside. */
export function bytesElements(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw broken("a BYTES tensor ends inside a length");
    const end = at + 4 + view.getUint32(at, true);
    if (end > bytes.length) throw broken("a BYTES tensor ends inside an element");
    elements.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return elements;
}

/** Numbers of a floating-point tensor. @throws TensorBroken for another type. */
export function floatsOf({ name, datatype, bytes }: Tensor): Float64Array {
  const read = READ[datatype];
  const size = DATATYPES[datatype];
  if (!datatype.match(/^B?FP?\d/) || read === undefined || size === null)
    throw broken(`the tensor ${name} is ${datatype}, not of floating point`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.length / size }, (_, i) => Number(read(view, i * size)));
}

/** A half: sign, 5 bits of exponent, 10 of fraction (IEEE 754 binary16). */
function half(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const value =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 0x1f
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -value : value;
}

/** The upper half of a 32-bit float. */
function brain(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

type Read = (view: DataView, at: number) => number | bigint | boolean;
export const READ: Readonly<Partial<Record<Datatype, Read>>> = {
  BOOL: (view, at) => view.getUint8(at) !== 0,
  UINT8: (view, at) => view.getUint8(at),
  UINT16: (view, at) => view.getUint16(at, true),
  UINT32: (view, at) => view.getUint32(at, true),
  UINT64: (view, at) => view.getBigUint64(at, true),
  INT8: (view, at) => view.getInt8(at),
  INT16: (view, at) => view.getInt16(at, true),
  INT32: (view, at) => view.getInt32(at, true),
  INT64: (view, at) => view.getBigInt64(at, true),
  FP16: (view, at) => half(view.getUint16(at, true)),
  BF16: (view, at) => brain(view.getUint16(at, true)),
  FP32: (view, at) => view.getFloat32(at, true),
  FP64: (view, at) => view.getFloat64(at, true),
};
