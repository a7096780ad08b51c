import { FileObject, UploadFields } from "../../../shared/contracts/http/files.ts";
import { FileId, type UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { commitmentSalts } from "../../../shared/crypto/commitment-salts.ts";
import { hashing } from "../../../shared/crypto/hashing.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { parseInput } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { objectsOf, putContent, stored } from "./content.ts";
import { fileObject, sealingOf, sealName } from "./file.ts";
import { boundaryOf, type FormPart, formParts } from "./multipart.ts";
import { recorded } from "./recorded.ts";

export const createFile = operation({
  id: "files.create",
  method: "post",
  path: "/v1/files",
  action: "file:write",
  gate: "governed",
  credential: "fresh",
  effect: "reversible-write",
  retry: "never",
  ack: "commit",
  kind: "upload",
  media: "multipart/form-data",
  bodyBytesMax: LIMITS.fileBytesMax + 64 * 1024,
  success: [200, FileObject, "The file."],
  problems: ["limit-reached"],
  summary: "Upload a file",
  tag: "Files",
  resource: { kind: "file" },
  async execute(deps, call) {
    const objects = objectsOf(deps);
    const boundary = boundaryOf(call.headers.get("content-type"));
    if (boundary === null || !call.upload)
      throw new ProblemError("invalid-request", { detail: "Send a form with a boundary.", param: "content-type" });
    const id = newFileId(deps);
    const sealing = await sealingOf(deps, call);
    const { workspace } = call.actor.scopes;
    // If we crash from here on, the object removes what is there of the content once the upload's time is over.
    unwrap(await deps.batches.beginFile(call.tenant.id, { id, workspace }), {
      limit: "The tenant has as many files as it may have.",
    });
    const content = contentCommitment(commitmentSalts(sealing.dataKey, id).request);
    const form = new UploadForm();
    for await (const part of formParts(call.upload, boundary)) {
      if (part.filename === null) await form.field(part);
      else if (part.name !== "file" || form.filename !== null)
        throw invalid("file", "A form has exactly one file, named `file`.");
      // Names end up in headers, terminals and logs of whoever lists them.
      else if (/\p{Cc}/u.test(part.filename)) throw invalid("file", "A file's name has no control characters.");
      else {
        form.filename = part.filename;
        form.bytes = await stored(putContent(objects, sealing, id, content.over(part.body)));
      }
    }
    const { filename, bytes } = form;
    if (filename === null) throw invalid("file", "The form has no file.");
    const { purpose, expires_ms } = form.parsed(deps.clock.now());
    const name = await sealName(sealing, id, filename.slice(0, LIMITS.fileNameCharsMax));
    const change = { resource: id, action: "file:write", detail: { bytes, purpose, ...content.end() } } as const;
    const kept = await recorded(deps, call, change, () =>
      deps.batches.keepFile(call.tenant.id, id, { bytes, purpose, name, expires_ms }),
    );
    return value(await fileObject(sealing, unwrap(kept)));
  },
});

export const newFileId = (deps: Pick<Deps, "ids">): FileId =>
  FileId.parse(`file-${deps.ids.mint("batch").slice("batch_".length)}`);

const invalid = (param: string, detail: string) => new ProblemError("invalid-request", { param, detail });

/** What has been read of an upload's form. */
class UploadForm {
  readonly #fields: Record<string, string> = Object.create(null);
  filename: string | null = null;
  bytes = 0;

  async field({ name, body }: FormPart): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    for await (const piece of body) {
      size += piece.byteLength;
      if (size > LIMITS.multipartFieldBytesMax) throw invalid(name, "The field is too long.");
      text += decoder.decode(piece, { stream: true });
    }
    if (name in this.#fields) throw invalid(name, "The form names a field twice.");
    this.#fields[name] = text + decoder.decode();
  }

  /** Throws `invalid-request`. */
  parsed(nowMs: number) {
    const fields = parseInput(UploadFields, { ...this.#fields }, "body") as ReturnType<typeof UploadFields.parse>; // safe because: that schema made it
    const seconds = fields["expires_after[seconds]"];
    if ((seconds === undefined) !== (fields["expires_after[anchor]"] === undefined))
      throw invalid("expires_after", "Send anchor and seconds together.");
    // safe because: milliseconds plus milliseconds
    const expires_ms = seconds === undefined ? null : ((nowMs + 1000 * seconds) as UnixMs);
    return { purpose: fields.purpose, expires_ms };
  }
}

/** SHA-256 over the salt and the content as it passes; the salt follows from the data key and the file's id (ADR 0007). */
function contentCommitment(salt: Uint8Array) {
  const hash = hashing().running();
  hash.update(salt);
  return {
    async *over(source: AsyncIterable<Uint8Array<ArrayBuffer>>) {
      let bytes = 0;
      for await (const piece of source) {
        bytes += piece.byteLength;
        if (bytes > LIMITS.fileBytesMax)
          throw new ProblemError("body-too-large", { detail: `A file may have at most ${LIMITS.fileBytesMax} bytes.` });
        hash.update(piece);
        yield piece;
      }
    },
    end: () => ({ content: encodeHex(hash.digest()) }),
  };
}

/** Bytes of a name that a header may carry. */
export const attachment = (name: string): string =>
  `attachment; filename*=UTF-8''${[...utf8(name)].map((byte) => (/[0-9A-Za-z._-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)).join("")}`;
