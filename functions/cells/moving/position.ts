import { z } from "zod";
import { MOVED_CLASSES } from "../../../shared/contracts/tenant-move.ts";
import { decodeBase64url, encodeBase64url } from "../../../shared/crypto/base64url.ts";

const PlaceValue = z.union([z.string(), z.number(), z.null(), z.tuple([z.string()])]);
const ObjectName = z.strictObject({ class: z.enum(MOVED_CLASSES), name: z.string() });

/** Where the making of an archive goes on: what stands before it is in parts that were given out. */
const Position = z.discriminatedUnion("at", [
  z.strictObject({
    at: z.literal("rows"),
    object: ObjectName,
    table: z.string().nullable(),
    after: z.array(PlaceValue).nullable(),
  }),
  z.strictObject({ at: z.literal("names"), after: ObjectName.nullable() }),
  z.strictObject({ at: z.literal("keys"), folder: z.int(), after: z.string().nullable() }),
  z.strictObject({
    at: z.literal("blob"),
    folder: z.int(),
    key: z.string(),
    size: z.int(),
    version: z.string().nullable(),
    offset: z.int(),
    first: z.int(),
  }),
  z.strictObject({ at: z.literal("end") }),
]);
export type Position = z.infer<typeof Position>;

type PlaceValues = (string | number | Uint8Array | null)[] | null;

/** Bytes stand as base64url in a list of one. */
export const placeOut = (after: PlaceValues) =>
  after?.map((value): z.infer<typeof PlaceValue> => (value instanceof Uint8Array ? [encodeBase64url(value)] : value)) ??
  null;

/** Throws for what `placeOut` never wrote. */
export const placeIn = (after: z.infer<typeof PlaceValue>[] | null): PlaceValues =>
  after?.map((value) => {
    if (!Array.isArray(value)) return value;
    const bytes = decodeBase64url(value[0]);
    if (bytes === null) throw new Error("the position of an archive is unreadable");
    return bytes;
  }) ?? null;

export const positionText = (position: Position): string => JSON.stringify(position);
/** Stored data is parsed on every read. Throws for what is no position. */
export const readPosition = (text: string): Position => Position.parse(JSON.parse(text));
