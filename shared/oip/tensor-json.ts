import type { JsonValue } from "../contracts/json.ts";
import { TensorBroken } from "./broken.ts";
import { bytesElements, DATATYPES, type Datatype, elementsOf, READ, type Tensor, textTensor } from "./tensor.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const broken = (message: string, tensor: string, options?: ErrorOptions): TensorBroken =>
  new TensorBroken(message, tensor, options);

/**
 * A tensor's data as JSON, row-major in one list. @throws TensorBroken for what JSON has no exact value for: half
 * precision (the protocol sends it in binary only), whole numbers past 2^53, numbers that are none, bytes that are no text.
 */
export function jsonData({ name, datatype, shape, bytes }: Tensor): JsonValue[] {
  if (datatype === "BYTES") {
    try {
      return bytesElements(bytes).map((element) => decoder.decode(element));
    } catch (cause) {
      throw cause instanceof TensorBroken ? cause : broken(`the tensor ${name} is no text`, name, { cause });
    }
  }
  const read = READ[datatype];
  const size = DATATYPES[datatype];
  if (read === undefined || datatype === "FP16" || datatype === "BF16")
    throw broken(`${datatype} is sent in binary only`, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: elementsOf(shape) }, (_, i) => {
    const value = read(view, i * size);
    if (typeof value === "boolean") return value;
    const number = Number(value);
    if (!Number.isFinite(number) || (typeof value === "bigint" && !Number.isSafeInteger(number)))
      throw broken(`the tensor ${name} has a value that JSON has not`, name);
    return number;
  });
}

/** A tensor from JSON data, nested as its shape or flat. @throws TensorBroken for values that are not of its type. */
export function tensorFromJson(name: string, datatype: Datatype, shape: readonly number[], data: JsonValue[]): Tensor {
  const count = elementsOf(shape);
  const flat: JsonValue[] = [];
  flatten(data, flat, count);
  if (flat.length !== count) throw broken(`the tensor ${name} has not as much data as its shape says`, name);
  if (datatype === "BYTES") {
    if (!flat.every((value) => typeof value === "string"))
      throw broken(`the tensor ${name} has elements that are no text`, name);
    return textTensor(name, shape, flat);
  }
  const size = DATATYPES[datatype];
  const view = new DataView(new ArrayBuffer(count * size));
  const write = WRITE[datatype];
  if (write === undefined) throw broken(`${datatype} is sent in binary only`, name);
  flat.forEach((value, i) => {
    if (typeof value === (datatype === "BOOL" ? "boolean" : "number") && write(view, i * size, Number(value))) return;
    throw broken(`the tensor ${name} has a value that is no ${datatype}`, name);
  });
  return { name, datatype, shape, bytes: new Uint8Array(view.buffer) };
}

function flatten(data: readonly JsonValue[], into: JsonValue[], max: number): void {
  for (const value of data) {
    if (Array.isArray(value)) flatten(value, into, max);
    else if (into.length <= max) into.push(value);
  }
}

type Write = (view: DataView, at: number, value: number) => boolean;
const whole =
  (min: number, max: number, write: (view: DataView, at: number, value: number) => void): Write =>
  (view, at, value) => {
    const fits = Number.isSafeInteger(value) && value >= min && value <= max;
    if (fits) write(view, at, value);
    return fits;
  };
const signed = (bits: number, write: (view: DataView, at: number, value: number) => void): Write =>
  whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, write);
const unsigned = (bits: number, write: (view: DataView, at: number, value: number) => void): Write =>
  whole(0, 2 ** bits - 1, write);

const WRITE: Readonly<Partial<Record<Datatype, Write>>> = {
  BOOL: whole(0, 1, (view, at, value) => view.setUint8(at, value)),
  UINT8: unsigned(8, (view, at, value) => view.setUint8(at, value)),
  UINT16: unsigned(16, (view, at, value) => view.setUint16(at, value, true)),
  UINT32: unsigned(32, (view, at, value) => view.setUint32(at, value, true)),
  UINT64: unsigned(64, (view, at, value) => view.setBigUint64(at, BigInt(value), true)),
  INT8: signed(8, (view, at, value) => view.setInt8(at, value)),
  INT16: signed(16, (view, at, value) => view.setInt16(at, value, true)),
  INT32: signed(32, (view, at, value) => view.setInt32(at, value, true)),
  INT64: signed(64, (view, at, value) => view.setBigInt64(at, BigInt(value), true)),
  FP32: (view, at, value) => {
    view.setFloat32(at, value, true);
    // Past what 32 bits hold it would be infinity.
    return Number.isFinite(Math.fround(value));
  },
  FP64: (view, at, value) => {
    view.setFloat64(at, value, true);
    return Number.isFinite(value);
  },
};
