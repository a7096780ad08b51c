import { isJsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseBody, requireMedia } from "../pipeline/body.ts";
import type { CallHeaders } from "../pipeline/call-headers.ts";
import type { Operation } from "./operation.ts";

/** Whether the body comes in the operation's other form; else its media type is held to. Throws `unsupported-media-type`. */
export function isFramed({ framed, media }: Operation, headers: CallHeaders): boolean {
  if (framed?.of(headers) === true) return true;
  if (media !== null) requireMedia(headers, media);
  return false;
}

/**
 * A JSON body, and its bytes as everything behind the seam is to see them: in the JSON form, with the model and
 * version that an alias's path names in it, so that a run without its caller reads the same call. Throws `ProblemError`.
 */
export function readJson(
  { framed }: Operation,
  raw: Uint8Array,
  { headers, path, other }: { headers: CallHeaders; path: Record<string, string>; other: boolean },
): { json: JsonValue; rawBody: Uint8Array } {
  const json = other && framed ? framed.read(raw, headers) : parseBody(raw);
  const { deployment, version } = path;
  const named =
    deployment !== undefined &&
    isJsonObject(json) &&
    (json.model !== deployment || (version !== undefined && json.model_version !== version));
  const asked = named
    ? { ...json, model: deployment, ...(version === undefined ? {} : { model_version: version }) }
    : json;
  return { json: asked, rawBody: named || other ? utf8(JSON.stringify(asked)) : raw };
}
