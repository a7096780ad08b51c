import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { scriptedCell } from "../test/support/scripted-cell.ts";
import { awsCredentials } from "./aws-credentials.ts";
import { tokenSource } from "./token-source.ts";

function file(text: string): string {
  const home = mkdtempSync(join(tmpdir(), "token-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const path = join(home, "token");
  writeFileSync(path, text);
  return path;
}
const live = () => new AbortController().signal;

describe("a worker's token", () => {
  it("is given for the proof as it is now, because a projected one is replaced while the worker runs", async () => {
    const cell = await scriptedCell();
    onTestFinished(() => cell.stop());
    const path = file("first\n");
    const proof = { kind: "service_account", file: path } as const;
    const token = tokenSource({ cell: cell.url, pool: "p", worker: "w", proof, fetch });
    expect((await token(live())).token).toBe("token.1");
    writeFileSync(path, "second");
    await token(live());
    expect(cell.tokens.map((each) => each.proof)).toEqual([
      { kind: "service_account", token: "first" },
      { kind: "service_account", token: "second" },
    ]);
  });

  it("that is refused fails without quoting the proof", async () => {
    const cell = await scriptedCell();
    onTestFinished(() => cell.stop());
    cell.tokenLifeMs = 0;
    const proof = { kind: "enrolment", file: file("canary") } as const;
    const failed = await tokenSource({ cell: cell.url, pool: "p", worker: "w", proof, fetch })(live()).catch(String);
    expect(failed).toContain("401");
    expect(failed).not.toContain("canary");
  });

  it("is not asked for with an empty proof, nor followed to another address", async () => {
    const cell = new URL("http://cell.example.com");
    const asked: RequestInit[] = [];
    const fetch = async (_: string, init: RequestInit) => {
      asked.push(init);
      return Response.json({ token: "t", expires_ms: 1 });
    };
    const source = (path: string) =>
      tokenSource({ cell, pool: "p", worker: "w", proof: { kind: "enrolment", file: path }, fetch })(live());
    await expect(source(file(" \n"))).rejects.toThrow("is empty");
    await source(file("s"));
    expect(asked.map(({ redirect }) => redirect)).toEqual(["error"]);
  });
});

describe("credentials of the queue", () => {
  it("come from the role of the task or pod, with the token that its platform wrote", async () => {
    const asked: [string, RequestInit][] = [];
    const fetch = async (url: string, init: RequestInit) => {
      asked.push([url, init]);
      return Response.json({
        ...{ AccessKeyId: "id", SecretAccessKey: "secret", Token: "session" },
        Expiration: "2026-11-21T12:00:00Z",
      });
    };
    const url = new URL("http://169.254.170.23/v1/credentials");
    const credentials = awsCredentials({ kind: "container", url, tokenFile: file("pod-token\n") }, fetch);
    expect(await credentials()).toEqual({
      ...{ access_key_id: "id", secret_access_key: "secret", session_token: "session" },
      expires_ms: Date.UTC(2026, 10, 21, 12),
    });
    expect(asked[0]?.[0]).toBe(url.href);
    expect(new Headers(asked[0]?.[1].headers).get("authorization")).toBe("pod-token");
  });

  it("that cannot be had are an error, never empty ones", async () => {
    const url = new URL("http://169.254.170.2/x");
    const fetch = async () => new Response("no", { status: 403 });
    await expect(awsCredentials({ kind: "container", url, tokenFile: null }, fetch)()).rejects.toThrow("403");
  });
});
