import { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { collect, type Lab } from "../../support/lab.ts";

export function filesSuite(lab: Lab): void {
  describe("files", () => {
    const upload = async (client: ReturnType<Lab["openai"]>, text: string, name = "a.jsonl") =>
      client.files.create({ file: await toFile(new TextEncoder().encode(text), name), purpose: "user_data" });

    it("answers what was uploaded, byte for byte, under its own name", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const text = `${"déjà vu \r\n--x\r\n".repeat(9_000)}end`;
      const file = await upload(client, text, 'ké "1".txt');
      const bytes = new TextEncoder().encode(text).byteLength;
      expect(file).toMatchObject({
        object: "file",
        bytes,
        filename: 'ké "1".txt',
        purpose: "user_data",
        status: "processed",
      });
      expect(await client.files.retrieve(file.id)).toEqual(file);
      expect(await (await client.files.content(file.id)).text()).toBe(text);
    });

    it("answers ranges exactly, so that a download goes on where it broke off", async () => {
      const tenant = await lab.newTenant();
      const client = lab.openai(tenant.apiKey);
      const text = Array.from({ length: 30_000 }, (_, at) => at).join(",");
      const { id } = await upload(client, text);
      const range = async (asked: string) => {
        const response = await lab.ask(`/v1/files/${id}/content`, { key: tenant.apiKey, headers: { range: asked } });
        return [response.status, response.headers.get("content-range"), await response.text()];
      };
      const end = text.length;
      expect(await range("bytes=65530-65545")).toEqual([206, `bytes 65530-65545/${end}`, text.slice(65_530, 65_546)]);
      expect(await range("bytes=-4")).toEqual([206, `bytes ${end - 4}-${end - 1}/${end}`, text.slice(-4)]);
      expect(await range(`bytes=${end - 2}-`)).toEqual([206, `bytes ${end - 2}-${end - 1}/${end}`, text.slice(-2)]);
      expect(await range(`bytes=${end}-`)).toEqual([416, `bytes */${end}`, ""]);
    });

    it("lists in order, by purpose and in pages, and no longer what was deleted", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const ids: string[] = [];
      for (const name of ["1", "2", "3"]) ids.push((await upload(client, name, name)).id);
      const { id: batch } = await client.files.create({ file: await toFile(new Uint8Array(), "b"), purpose: "batch" });
      const list = async (query: object) => (await collect(await client.files.list(query))).map(({ id }) => id);
      expect(await list({ order: "asc", limit: 2 })).toEqual([...ids, batch]);
      expect(await list({ purpose: "user_data" })).toEqual(ids.toReversed());
      expect(await client.files.delete(ids[1] ?? "")).toMatchObject({ deleted: true });
      expect(await list({ order: "asc" })).toEqual([ids[0], ids[2], batch]);
      await expect(client.files.content(ids[1] ?? "")).rejects.toMatchObject({ status: 404 });
    });

    it("tells when a file expires", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const file = await client.files.create({
        file: await toFile(new Uint8Array([1]), "e"),
        purpose: "user_data",
        expires_after: { anchor: "created_at", seconds: 3_600 },
      });
      expect(Math.abs((file.expires_at ?? 0) - file.created_at - 3_600)).toBeLessThan(60);
    });

    it("refuses what is no upload, and keeps nothing of it", async () => {
      const tenant = await lab.newTenant();
      const client = lab.openai(tenant.apiKey);
      const send = async (body: FormData | string, type?: string) => {
        const response = await fetch(`${lab.cell.url}/v1/files`, {
          method: "POST",
          headers: { authorization: `Bearer ${tenant.apiKey}`, ...(type ? { "content-type": type } : {}) },
          body,
        });
        return [response.status, (await response.json()).error.code];
      };
      const form = (fields: Record<string, string | Blob>) => {
        const made = new FormData();
        for (const [name, value] of Object.entries(fields)) made.append(name, value);
        return made;
      };
      expect(await send("{}", "application/json")).toEqual([415, "unsupported_media_type"]);
      expect(await send("--x\r\n", "multipart/form-data; boundary=x")).toEqual([400, "invalid_request"]);
      expect(await send(form({ purpose: "batch" }))).toEqual([400, "invalid_request"]);
      expect(await send(form({ file: new Blob(["x"]) }))).toEqual([400, "invalid_request"]);
      expect(await send(form({ file: new Blob(["x"]), purpose: "other" }))).toEqual([400, "invalid_request"]);
      const broken = form({ file: new File(["x"], "a\r\nset-cookie: x"), purpose: "batch" });
      expect(await send(broken)).toEqual([400, "invalid_request"]);
      expect((await client.files.list()).data).toEqual([]);
    });

    it("records that content came and went in the tenant's ledger, never the content", async () => {
      const tenant = await lab.newTenant();
      const client = lab.openai(tenant.apiKey);
      const { id } = await upload(client, "a very secret text");
      await client.files.delete(id);
      const ledger = await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey });
      const text = JSON.stringify(ledger);
      const told = ledger.data.filter(({ detail }: { detail: { resource?: string } }) => detail.resource === id);
      const ways = told.map((entry: { outcome: string; detail: object }) => ["deleted" in entry.detail, entry.outcome]);
      expect(ways).toEqual([
        [false, "pending"],
        [false, "success"],
        [true, "pending"],
        [true, "success"],
      ]);
      expect(text).not.toContain("secret");
    });

    it("answers another tenant's file exactly as one that never was", async () => {
      const { id } = await upload(lab.openai((await lab.newTenant()).apiKey), "mine");
      const stranger = lab.openai((await lab.newTenant()).apiKey);
      for (const method of ["retrieve", "content", "delete"] as const)
        await expect(stranger.files[method](id)).rejects.toMatchObject({ status: 404 });
    });
  });
}
