import { FileDeleted, FileList, FileObject, FilesQuery } from "../../../shared/contracts/http/files.ts";
import { DELETE, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { confinedTo, FilePath, fileObject, fileOf, sealingOf } from "./file.ts";
import { recorded } from "./recorded.ts";

const common = { gate: "governed", credential: "fresh", tag: "Files" } as const;
const one = {
  path: "/v1/files/{file_id}",
  params: FilePath,
  problems: ["not-found"],
  resource: { kind: "file", param: "file_id" },
} as const;

export const listFiles = operation({
  ...READ,
  ...common,
  id: "files.list",
  path: "/v1/files",
  action: "file:read",
  query: FilesQuery,
  success: [200, FileList, "Files of the caller's workspace; of every one where a role is tenant-wide."],
  problems: [],
  summary: "List files",
  resource: { kind: "file" },
  async execute(deps, call) {
    const { after = null, limit, order, purpose = null } = call.query;
    const query = { workspace: confinedTo(call.actor), after, limit, order, purpose };
    const { data: found, more } = await deps.batches.files(call.tenant.id, query);
    const sealing = await sealingOf(deps, call);
    const data = await Promise.all(found.map((file) => fileObject(sealing, file)));
    const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    return value({ object: "list", data, ...ids, has_more: more });
  },
});

export const getFile = operation({
  ...READ,
  ...common,
  ...one,
  id: "files.get",
  action: "file:read",
  success: [200, FileObject, "The file."],
  summary: "Get a file",
  async execute(deps, call) {
    const file = await fileOf(deps, call, call.params.file_id);
    return value(await fileObject(await sealingOf(deps, call), file));
  },
});

export const deleteFile = operation({
  ...DELETE,
  ...common,
  ...one,
  id: "files.delete",
  action: "file:write",
  success: [200, FileDeleted, "The file is gone; its content is removed from the store a moment later."],
  summary: "Delete a file",
  async execute(deps, call) {
    const { id } = await fileOf(deps, call, call.params.file_id);
    const change = { resource: id, action: "file:write", detail: { deleted: id } } as const;
    unwrap(await recorded(deps, call, change, () => deps.batches.dropFile(call.tenant.id, id)));
    return value({ id, object: "file", deleted: true });
  },
});
