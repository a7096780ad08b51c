import type { JsonObject } from "../../../shared/contracts/json.ts";
import { objectOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";

const DATA_URL = /^data:([a-z]+\/[a-z0-9.+-]+);base64$/i;

/** Media type and base64 text of a data URL; null for any other URL. The payload is not checked: the engine does that. */
export function dataUrl(url: string): { mediaType: string; base64: string } | null {
  if (!url.startsWith("data:")) return null;
  const comma = url.indexOf(",");
  const match = comma === -1 ? null : DATA_URL.exec(url.slice(0, comma));
  const mediaType = match?.[1];
  return mediaType === undefined ? null : { mediaType: mediaType.toLowerCase(), base64: url.slice(comma + 1) };
}

/** Image URL (data or https) → Anthropic image block. */
export function imageBlock(url: string, param: string): JsonObject {
  const data = dataUrl(url);
  if (data) return { type: "image", source: { type: "base64", media_type: data.mediaType, data: data.base64 } };
  if (url.startsWith("https://")) return { type: "image", source: { type: "url", url } };
  return unsupported(param, "only https and base64 data URLs are understood");
}

/** Anthropic image block → chat `image_url` part. */
export function imagePart(block: JsonObject, param: string): JsonObject {
  const source = objectOf(block.source) ?? invalid(`${param}.source`, "an image block needs a source");
  switch (source.type) {
    case "base64": {
      const mediaType = textOf(source.media_type) ?? invalid(`${param}.source.media_type`, "a media type is needed");
      const data = textOf(source.data) ?? invalid(`${param}.source.data`, "base64 text is needed");
      return { type: "image_url", image_url: { url: `data:${mediaType};base64,${data}` } };
    }
    case "url":
      return {
        type: "image_url",
        image_url: { url: textOf(source.url) ?? invalid(`${param}.source.url`, "a URL is needed") },
      };
    default:
      return unsupported(`${param}.source.type`, "only base64 and url image sources are understood");
  }
}
