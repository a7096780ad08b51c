import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TensorBroken } from "./broken.ts";
import { bytesElements, DATATYPES, type Datatype, floatsOf, type Tensor, textTensor } from "./tensor.ts";
import { decodeInfer, encodeInfer, fits, HEADER_LENGTH } from "./wire.ts";

/** A tensor of any type and shape; `json`: of values that JSON has. */
function tensor(json: boolean): fc.Arbitrary<Tensor> {
  const shape = fc.array(fc.nat(3), { maxLength: 3 });
  // safe because: the names are the table's keys
  const types = (Object.keys(DATATYPES) as Datatype[]).filter((type) => !json || !["FP16", "BF16"].includes(type));
  return fc.tuple(fc.constantFrom(...types), shape).chain(([datatype, sizes]) => {
    const count = sizes.reduce((product, size) => product * size, 1);
    const size = DATATYPES[datatype];
    if (size === null)
      return fc
        .array(fc.string({ unit: "binary" }), { minLength: count, maxLength: count })
        .map((texts) => textTensor("x", sizes, texts));
    // Small numbers in the low byte of each element are values of every type but floats, where they are tiny ones.
    const bytes = json
      ? fc
          .array(fc.nat(datatype === "BOOL" ? 1 : 127), { minLength: count, maxLength: count })
          .map((values) =>
            Uint8Array.from({ length: count * size }, (_, i) => (i % size ? 0 : (values[i / size] ?? 0))),
          )
      : fc.uint8Array({ minLength: count * size, maxLength: count * size });
    return bytes.map((data): Tensor => ({ name: "x", datatype, shape: sizes, bytes: data }));
  });
}

/** What a server that echoes would answer, made by its own rules from what it was sent. */
function echoed(body: Uint8Array, headerLength: string | undefined) {
  const length = headerLength === undefined ? body.length : Number(headerLength);
  const { inputs } = JSON.parse(Buffer.from(body.subarray(0, length)).toString());
  const head = Buffer.from(JSON.stringify({ model_name: "m", outputs: inputs }));
  const bytes = Buffer.concat([head, body.subarray(length)]);
  return { bytes, headerLength: headerLength === undefined ? undefined : String(head.length) };
}
const lengthOf = (headers: Record<string, string>) => headers[HEADER_LENGTH];

describe("tensors on the wire", () => {
  it.each([
    ["binary", true],
    ["JSON", false],
  ] as const)("come back as they went, in %s", (_, binary) => {
    fc.assert(
      fc.property(tensor(!binary), (sent) => {
        const { headers, body } = encodeInfer({ id: "1", inputs: [sent], outputs: ["x"] }, binary);
        const { bytes, headerLength } = echoed(body, lengthOf(headers));
        const back = decodeInfer(bytes, headerLength).outputs.get("x");
        expect(back && { ...back, bytes: [...back.bytes] }).toEqual({ ...sent, bytes: [...sent.bytes] });
      }),
    );
  });

  it("are nested or flat in JSON, as servers like", () => {
    const output = (data: unknown) => ({ name: "x", datatype: "FP32", shape: [2, 2], data });
    for (const data of [
      [1, 2, 3, 4],
      [
        [1, 2],
        [3, 4],
      ],
    ]) {
      const bytes = Buffer.from(JSON.stringify({ model_name: "m", outputs: [output(data)] }));
      const back = decodeInfer(bytes, undefined).outputs.get("x");
      expect(back && [...floatsOf(back)]).toEqual([1, 2, 3, 4]);
    }
  });

  it("never break the decoder, whatever bytes come, but as one that is broken", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.option(fc.nat(300)), (bytes, length) => {
        try {
          decodeInfer(bytes, length === null ? undefined : String(length));
        } catch (error) {
          expect(error).toBeInstanceOf(TensorBroken);
        }
      }),
    );
  });

  const answer = (outputs: unknown[], extra = new Uint8Array(0)) => {
    const head = Buffer.from(JSON.stringify({ model_name: "m", outputs }));
    return [Buffer.concat([head, extra]), String(head.length)] as const;
  };
  const binary = (size: number) => ({ parameters: { binary_data_size: size } });
  it.each([
    ["fewer bytes than its shape", [{ name: "x", datatype: "FP32", shape: [2], ...binary(4) }], 4],
    ["bytes past the end", [{ name: "x", datatype: "FP32", shape: [1], ...binary(4) }], 2],
    ["bytes of no tensor", [{ name: "x", datatype: "FP32", shape: [1], ...binary(4) }], 5],
    ["a text's length past the end", [{ name: "x", datatype: "BYTES", shape: [1], ...binary(4) }], 4],
    ["no data", [{ name: "x", datatype: "FP32", shape: [1] }], 0],
    ["a fraction for a whole number", [{ name: "x", datatype: "INT32", shape: [1], data: [1.5] }], 0],
    ["a number past what 32 bits hold", [{ name: "x", datatype: "FP32", shape: [1], data: [3.5e38] }], 0],
    ["a number past its type", [{ name: "x", datatype: "UINT8", shape: [1], data: [256] }], 0],
    ["a whole number that JSON cut", [{ name: "x", datatype: "INT64", shape: [1], data: [2 ** 60] }], 0],
    ["half precision in JSON", [{ name: "x", datatype: "FP16", shape: [1], data: [1] }], 0],
    ["a shape of a size below zero", [{ name: "x", datatype: "FP32", shape: [-1], data: [] }], 0],
    ["a name twice", Array(2).fill({ name: "x", datatype: "INT8", shape: [0], data: [] }), 0],
  ])("are refused with %s, so that no wrong number is ever answered", (_, outputs, extra) => {
    const [bytes, length] = answer(outputs, new Uint8Array(extra).fill(9));
    expect(() => decodeInfer(bytes, length)).toThrow(TensorBroken);
  });

  it("of texts know their own lengths", () => {
    expect(bytesElements(textTensor("x", [2], ["", "ä"]).bytes).map((bytes) => [...bytes])).toEqual([[], [0xc3, 0xa4]]);
    expect(() => textTensor("x", [3], ["a"])).toThrow(TensorBroken);
  });

  it("of half precision read as the numbers that they are", () => {
    const half = (bytes: number[]): Tensor => {
      return { name: "x", datatype: "FP16", shape: [bytes.length / 2], bytes: Uint8Array.from(bytes) };
    };
    const values = [0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01, 0x00, 0x00, 0x7c, 0x00, 0x80];
    expect([...floatsOf(half(values))]).toEqual([1, -2, 65_504, 2 ** -24, Number.POSITIVE_INFINITY, -0]);
    const brain: Tensor = { name: "x", datatype: "BF16", shape: [1], bytes: Uint8Array.of(0x80, 0x3f) };
    expect([...floatsOf(brain)]).toEqual([1]);
    expect(() => floatsOf({ name: "x", datatype: "INT8", shape: [1], bytes: Uint8Array.of(1) })).toThrow(TensorBroken);
  });

  it("fit a declaration by type, rank and every size that it fixes", () => {
    const given: Tensor = { name: "x", datatype: "INT8", shape: [2, 8], bytes: new Uint8Array(16) };
    const declared = (datatype: Datatype, shape: number[]) => ({ name: "x", datatype, shape });
    expect(fits(given, declared("INT8", [-1, 8]))).toBe(true);
    for (const wrong of [declared("UINT8", [-1, 8]), declared("INT8", [-1, 4]), declared("INT8", [-1])])
      expect(fits(given, wrong)).toBe(false);
  });
});
