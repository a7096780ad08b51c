import { describe, expect, it } from "vitest";
import type { JsonObject } from "../contracts/json.ts";
import { TensorBroken } from "./broken.ts";
import { framed, unframed } from "./framing.ts";
import { inferRequestOf, wantedOf } from "./predict.ts";

const tensor = (name: string, size: number): JsonObject => ({
  ...{ name, datatype: "UINT8", shape: [size], parameters: { binary_data_size: size } },
});
const plain: JsonObject = { name: "p", datatype: "INT8", shape: [1], data: [-1] };

describe("tensors behind the JSON", () => {
  it("become members of it, each with its own bytes, and other tensors stay", () => {
    const json = unframed({ inputs: [tensor("a", 2), plain, tensor("b", 1)] }, Uint8Array.of(1, 2, 3));
    const { inputs } = inferRequestOf(json, "");
    expect(inputs.map(({ name, bytes }) => [name, ...bytes])).toEqual([
      ["a", 1, 2],
      ["p", 255],
      ["b", 3],
    ]);
  });

  it.each([
    ["more bytes than they say", [tensor("a", 2)], 3],
    ["fewer bytes than they say", [tensor("a", 2)], 1],
    ["a size below zero", [{ ...tensor("a", 1), parameters: { binary_data_size: -1 } }], 0],
    ["a size that is none", [{ ...tensor("a", 1), parameters: { binary_data_size: "1" } }], 1],
  ])("are refused with %s, so that no tensor gets another's bytes", (_, inputs, length) => {
    expect(() => unframed({ inputs }, new Uint8Array(length))).toThrow(TensorBroken);
  });

  it("follow an answer where they were asked for so, one by one or all", () => {
    const outputs = ["a", "b"].map((name) => ({ name, datatype: "UINT8", shape: [2], data_base64: "AQI=" }));
    const one = wantedOf({ outputs: [{ name: "b", parameters: { binary_data: true } }] });
    const made = framed({ model_name: "m", outputs }, one);
    const head = JSON.parse(new TextDecoder().decode(made?.body.subarray(0, made.headerLength)));
    expect(head.outputs).toMatchObject([{ data_base64: "AQI=" }, { parameters: { binary_data_size: 2 } }]);
    expect([...(made?.body.subarray(made.headerLength) ?? [])]).toEqual([1, 2]);
    const all = wantedOf({ parameters: { binary_data_output: true } });
    expect(framed({ outputs }, all)?.body.subarray(-4)).toEqual(Uint8Array.of(1, 2, 1, 2));
    expect(framed({ outputs }, wantedOf({}))).toBeNull();
  });
});
