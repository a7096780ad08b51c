import { describe, expect, it } from "vitest";
import { opaMade, refusal } from "../../test/support/opa-made-bundle.ts";
import { type Entry, gzip, joined, tar, unpack } from "./archive.fixture.ts";

describe("archives, before anything in them is believed", () => {
  const entries = async (): Promise<Entry[]> =>
    [...(await unpack(opaMade()))].map(([name, content]) => ({ name: `/${name}`, content }));
  const withEntry = async (entry: Partial<Entry>) =>
    refusal(await gzip(tar([...(await entries()), { name: "extra.rego", content: "", ...entry }])));

  it.each([
    ["/../x.rego", "path_refused"],
    ["a/../../x.rego", "path_refused"],
    ["..", "path_refused"],
    ["//etc/x.rego", "path_refused"],
    ["/./x.rego", "path_refused"],
    ["a//x.rego", "path_refused"],
    ["a\\..\\x.rego", "path_refused"],
    ["a\nb.rego", "path_refused"],
  ])("refuses the path %j", async (name, reason) => {
    expect(await withEntry({ name })).toMatchObject({ reason });
  });

  it.each([
    ["a hard link", "1"],
    ["a symbolic link", "2"],
    ["a device", "3"],
    ["a block device", "4"],
    ["a pipe", "6"],
    ["an extended header", "x"],
    ["a global header", "g"],
    ["a long name", "L"],
    ["an unknown entry", "Z"],
  ])("refuses %s", async (_, type) => {
    expect(await withEntry({ type, link: "/etc/passwd" })).toEqual({ reason: "entry_refused", file: "extra.rego" });
  });

  it("refuses the same path twice, however it is written, so that no reader sees another file", async () => {
    for (const name of ["/plan.json", "plan.json", "./plan.json"])
      expect(await withEntry({ name, content: "{}" })).toEqual({ reason: "duplicate_file", file: "plan.json" });
  });

  it("refuses a header that was changed", async () => {
    expect(await withEntry({ checksum: "0000000\0" })).toEqual({
      reason: "archive_malformed",
      detail: "a header has another checksum",
    });
  });

  it("refuses an archive that is cut off or has more behind its end", async () => {
    const whole = tar(await entries());
    expect(await refusal(await gzip(whole.slice(0, 700)))).toMatchObject({ reason: "archive_malformed" });
    expect(await refusal(await gzip(whole.slice(0, whole.length - 1_024)))).toMatchObject({
      reason: "archive_malformed",
    });
    const hidden = tar([{ name: "hidden.rego", content: "package hidden" }]);
    expect(await refusal(await gzip(joined([whole, hidden])))).toMatchObject({ reason: "archive_malformed" });
  });

  it("refuses bytes behind a file's end that no signature covers", async () => {
    const whole = tar(await entries());
    const at = whole.findIndex((byte, index) => index > 512 && index % 512 === 511 && byte === 0);
    whole[at] = 1;
    expect(await refusal(await gzip(whole))).toMatchObject({ reason: "archive_malformed" });
  });

  it("passes over folders, as plain tar writes them", async () => {
    expect(await withEntry({ name: "./source/", type: "5" })).toBe("opened");
  });

  it("refuses more files than a bundle may have", async () => {
    const many = Array.from({ length: 300 }, (_, at) => ({ name: `f${at}.rego`, content: "" }));
    expect(await refusal(await gzip(tar(many)))).toEqual({ reason: "too_large", limit: "files" });
  });

  it("refuses what is not compressed, or not whole", async () => {
    expect(await refusal(new Uint8Array())).toEqual({ reason: "not_gzip" });
    expect(await refusal(tar(await entries()))).toEqual({ reason: "not_gzip" });
    expect(await refusal(opaMade().slice(0, 1_000))).toEqual({ reason: "not_gzip" });
    const broken = opaMade();
    broken[1_000] = (broken[1_000] ?? 0) ^ 0xff;
    expect(await refusal(broken)).not.toBe("opened");
  });

  it("refuses an archive that is too large, compressed", async () => {
    expect(await refusal(new Uint8Array(1_024 * 1_024 + 1))).toEqual({ reason: "too_large", limit: "archive_bytes" });
  });

  it("stops inflating a bomb at the limit, so that a small upload never takes a large memory", async () => {
    // Made of one member of 64 MiB of zeros: deflate takes them to a thousandth.
    const bomb = await gzip(new Uint8Array(64 * 1_024 * 1_024));
    expect(bomb.length).toBeLessThan(128 * 1_024);
    const before = process.memoryUsage().arrayBuffers;
    expect(await refusal(bomb)).toEqual({ reason: "too_large", limit: "inflated_bytes" });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1_024 * 1_024);
  });
});
