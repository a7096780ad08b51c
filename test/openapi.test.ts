import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { OPERATIONS } from "../functions/v1/index.ts";
import { openApiDocument } from "../functions/v1/openapi.ts";
import { TAGS } from "../functions/v1/openapi-parts.ts";
import { ROOT } from "./tidy/source-tree.ts";

interface Finding {
  ruleId: string;
  message: string;
  location: { pointer?: string }[];
}
const folder = mkdtempSync(join(tmpdir(), "bailiwick-openapi-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Findings of redocly's strict recommended rules, as one line each. */
async function lint(document: object): Promise<string[]> {
  const file = join(folder, "openapi.json");
  writeFileSync(file, JSON.stringify(document));
  const args = ["lint", "--extends", "recommended-strict", "--format", "json", "--max-problems", "100", file];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [join(ROOT, "node_modules/@redocly/cli/bin/cli.js"), ...args],
      // It neither reports home nor asks for a newer version.
      {
        cwd: folder,
        env: { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true", CI: "true" },
        maxBuffer: 2 ** 25,
      },
      (error, stdout, stderr) =>
        stdout.trimStart().startsWith("{") ? resolve(stdout) : reject(error ?? new Error(stderr)),
    );
  });
  const { problems } = JSON.parse(output) as { problems: Finding[] }; // safe because: `--format json` prints this
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? ""})`);
}

const document = openApiDocument(OPERATIONS, { version: "0.1.0", server: "http://127.0.0.1:8787" });

describe("the OpenAPI document", () => {
  it("lints clean, so that generators and gateways take it as it is", async () => {
    // A WebSocket's success is 101.
    const sockets = OPERATIONS.filter(({ kind }) => kind === "socket").map(
      ({ path, method }) => `(#/paths/${path.replaceAll("/", "~1")}/${method}/responses)`,
    );
    const ofSocket = (finding: string) =>
      finding.startsWith("operation-2xx-response:") && sockets.some((pointer) => finding.endsWith(pointer));
    expect((await lint(document)).filter((finding) => !ofSocket(finding))).toEqual([]);
  }, 60_000);

  it("is linted for real: a document without a licence and with an unknown reference does not pass", async () => {
    const broken = {
      openapi: "3.1.0",
      info: { title: "x", version: "1" },
      paths: { "/x": { get: { responses: { 200: { $ref: "#/nowhere" } } } } },
    };
    const findings = await lint(broken);
    expect(findings.map((line) => line.split(":")[0])).toEqual(
      expect.arrayContaining(["info-license", "no-unresolved-refs"]),
    );
  }, 60_000);

  it("says of an alias's parameters what their operation takes, so that no client sends what is refused", () => {
    // safe because: that is the shape of every OpenAPI document
    const { paths } = document as {
      paths: Record<string, { get?: { parameters?: { name: string; schema: object }[] } }>;
    };
    const schemaOf = (path: string) => paths[path]?.get?.parameters?.find(({ name }) => name === "task_id")?.schema;
    expect(schemaOf("/v1/stream/{task_id}")).toEqual(schemaOf("/v1/tasks/{task_id}/events"));
    expect(schemaOf("/v1/stream/{task_id}")).toHaveProperty("pattern");
  });

  it("describes every tag, and no tag that is gone", () => {
    expect(Object.keys(TAGS).sort()).toEqual([...new Set(OPERATIONS.map(({ tag }) => tag))].sort());
  });
});
