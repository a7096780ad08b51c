import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { FILE_PURPOSES, UPLOAD_PURPOSES } from "../ports/batch-store.ts";

const file = "file-01JD0000000000000000000000";

/** OpenAI's file. */
export const FileObject = z
  .strictObject({
    id: z.string(),
    object: z.literal("file"),
    bytes: z.int().min(0),
    created_at: z.int().meta({ description: "Unix seconds." }),
    expires_at: z.int().nullable().meta({ description: "Unix seconds; null: kept until it is deleted." }),
    filename: z.string(),
    purpose: z.enum(FILE_PURPOSES),
    status: z.literal("processed"),
  })
  .meta({
    id: "FileObject",
    example: {
      id: file,
      object: "file",
      bytes: 1_024,
      created_at: 1_795_000_000,
      expires_at: null,
      filename: "lines.jsonl",
      purpose: "batch",
      status: "processed",
    },
  });
export type FileObject = z.infer<typeof FileObject>;

/** The fields of an upload's form besides the file, as OpenAI's clients send them. */
export const UploadFields = z.strictObject({
  purpose: z.enum(UPLOAD_PURPOSES),
  "expires_after[anchor]": z.literal("created_at").optional(),
  "expires_after[seconds]": z.coerce.number().int().min(LIMITS.fileExpiresSMin).max(LIMITS.fileExpiresSMax).optional(),
});

export const FileDeleted = z
  .strictObject({ id: z.string(), object: z.literal("file"), deleted: z.literal(true) })
  .meta({ id: "FileDeleted", example: { id: file, object: "file", deleted: true } });

export const FilesQuery = z.looseObject({
  after: z.string().max(128).optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.filesListMax).default(LIMITS.filesListMax),
  order: z.enum(["asc", "desc"]).default("desc"),
  purpose: z.enum(FILE_PURPOSES).optional(),
});

export const FileList = z
  .strictObject({
    object: z.literal("list"),
    data: z.array(FileObject),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: "FileList", example: { object: "list", data: [], first_id: null, last_id: null, has_more: false } });
