import { z } from "zod";
import { ProblemError } from "../../problem.ts";
import { READ } from "../input.ts";
import { streamReply } from "../ledger/stream-reply.ts";
import type { Reply } from "../operation.ts";
import { operation } from "../operation.ts";
import { objectsOf, readContent, stored } from "./content.ts";
import { FilePath, fileOf, sealingOf } from "./file.ts";

const BYTES = z.string().meta({ format: "binary" });

/** One range of RFC 9110 §14.1.2; null for none, several, or a form that is ignored (§14.2). */
export function rangeOf(
  header: string | null,
  size: number,
): { offset: number; length: number } | "unsatisfiable" | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (!match) return null;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return null;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { offset: size - length, length };
  }
  const offset = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < offset) return null;
  return offset >= size ? "unsatisfiable" : { offset, length: end - offset + 1 };
}

export const getFileContent = operation({
  ...READ,
  id: "files.content",
  path: "/v1/files/{file_id}/content",
  action: "file:read",
  gate: "governed",
  credential: "fresh",
  kind: "binary",
  params: FilePath,
  also: [
    [206, BYTES, "The bytes that `Range` asks for.", "application/octet-stream"],
    [416, BYTES, "The file ends before the range; `content-range` has its size.", "application/octet-stream"],
  ],
  success: [200, null, "The content; 206 and a part of it where `Range` asks for one.", "application/octet-stream"],
  problems: ["not-found", "overloaded"],
  summary: "Get the content of a file",
  tag: "Files",
  resource: { kind: "file", param: "file_id" },
  async execute(deps, call): Promise<Reply> {
    const file = await fileOf(deps, call, call.params.file_id);
    const objects = objectsOf(deps);
    const range = rangeOf(call.headers.get("range"), file.bytes);
    // Whatever it is: no browser runs it.
    const headers = { "accept-ranges": "bytes", etag: `"${file.id}"`, "x-content-type-options": "nosniff" };
    if (range === "unsatisfiable")
      return {
        kind: "bytes",
        status: 416,
        contentType: "application/octet-stream",
        body: "",
        headers: { ...headers, "content-range": `bytes */${file.bytes}` },
      };
    const { offset, length } = range ?? { offset: 0, length: file.bytes };
    const pieces = await stored(readContent(objects, await sealingOf(deps, call), file.id, { offset, length }));
    if (pieces === null) throw new ProblemError("store-unavailable", { detail: "The file's content is not there." });
    const reply = streamReply(deps, call, "application/octet-stream", pieces, {
      ...headers,
      "content-length": String(length),
      ...(range === null ? {} : { "content-range": `bytes ${offset}-${offset + length - 1}/${file.bytes}` }),
    });
    return range === null || reply.kind !== "bytes" ? reply : { ...reply, status: 206 };
  },
});
