const encoder = new TextEncoder();

/** UTF-8 of `text`; lone surrogates become U+FFFD, so refuse them earlier where exactness matters. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** Bytes as they are, text as UTF-8. */
export const toBytes = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? encoder.encode(data) : data;
