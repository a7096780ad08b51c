import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referencePage } from "./page.ts";

const chromium = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);
const hostile = `"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`;

/** A document whose every text is an attack, with a recursive schema and a streaming operation. */
const openapi = {
  openapi: "3.1.0",
  info: { title: `Cell ${hostile}`, version: "1", description: hostile },
  tags: [{ name: "inference" }],
  paths: {
    "/v1/echo/{id}": {
      post: {
        operationId: "echo.create",
        tags: ["inference"],
        summary: `Echo ${hostile}`,
        description: `Some \`code\` and ${hostile}`,
        security: [{ apiKey: [] }],
        "x-ack": "commit",
        parameters: [
          { name: "id", in: "path", required: true, schema: { type: "string" }, description: hostile },
          { name: "limit", in: "query", schema: { type: "integer", maximum: 5 } },
        ],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Tree" } } } },
        responses: { 200: { description: hostile, content: { "application/json": { schema: { type: "string" } } } } },
      },
    },
    "/v1/stream": { get: { operationId: "stream.read", tags: [hostile], responses: {} } },
  },
  components: {
    schemas: {
      Tree: {
        type: "object",
        required: ["name"],
        properties: {
          name: { type: "string", description: hostile },
          child: { anyOf: [{ $ref: "#/components/schemas/Tree" }, { type: "null" }] },
        },
        example: { name: hostile },
      },
    },
  },
};

interface Seen {
  url: string | undefined;
  authorization: string | undefined;
  body: string;
}

describe.skipIf(!chromium)("the reference page in Chromium (skipped where no Chromium is installed)", () => {
  const seen: Seen[] = [];
  const streams: ServerResponse[] = [];
  const profile = mkdtempSync(join(tmpdir(), "reference-"));
  let server: Server;
  let browser: ChildProcess;
  let socket: WebSocket;
  let calls = 0;
  const waiting = new Map<number, (result: { result?: { value?: unknown }; exceptionDetails?: unknown }) => void>();

  const command = (method: string, params: object, sessionId?: string) =>
    new Promise<Record<string, unknown> & { result?: { value?: unknown }; exceptionDetails?: unknown }>((resolve) => {
      waiting.set(++calls, resolve);
      socket.send(JSON.stringify({ id: calls, method, params, sessionId }));
    });
  let session = "";
  const evaluate = async (expression: string): Promise<unknown> => {
    const answer = await command("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, session);
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result?.value;
  };
  const text = () => evaluate("document.getElementById('main').innerText");

  beforeAll(async () => {
    const { html, csp } = referencePage();
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
      request.on("end", () => {
        if (request.url === "/reference")
          return void response
            .writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": csp })
            .end(html);
        if (request.url === "/openapi.json")
          return void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(openapi));
        seen.push({ url: request.url, authorization: request.headers.authorization, body });
        if (request.url === "/v1/stream") {
          response.writeHead(200, { "content-type": "text/event-stream" }).write("data: first\n\n");
          streams.push(response);
          return;
        }
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ echoed: hostile }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"];
    browser = spawn(chromium ?? "", [...flags, `--user-data-dir=${profile}`, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const endpoint = await new Promise<string>((resolve, reject) => {
      let log = "";
      browser.stderr?.on("data", (chunk: Buffer) => {
        log += chunk.toString("utf8");
        const found = /DevTools listening on (ws:\S+)/.exec(log);
        if (found?.[1]) resolve(found[1]);
      });
      browser.on("exit", () => reject(new Error(`browser ended: ${log}`)));
    });
    socket = new WebSocket(endpoint);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: object }; // safe because: our own browser
      if (message.id !== undefined) waiting.get(message.id)?.(message.result ?? {});
    });
    const { targetId } = await command("Target.createTarget", { url: `http://127.0.0.1:${address.port}/reference` });
    const attached = await command("Target.attachToTarget", { targetId, flatten: true });
    session = String(attached.sessionId);
  }, 60_000);

  afterAll(async () => {
    for (const stream of streams) stream.destroy();
    const ended = new Promise((resolve) => browser.on("exit", resolve));
    browser.kill("SIGKILL");
    await ended;
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  it("starts with an overview of the operations, so that a reader sees what there is", {
    timeout: 20_000,
  }, async () => {
    await expect.poll(text, { timeout: 15_000 }).toContain("Cell");
    expect(await text()).toContain("/v1/echo/{id}");
  });

  it("shows hostile text as text, so that a tenant's model name never becomes a script", async () => {
    for (const id of ["", "echo.create", "stream.read"]) {
      await evaluate(`location.hash = ${JSON.stringify(id)}`);
      await evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
      await evaluate("new Promise((done) => setTimeout(done))");
    }
    await evaluate("location.hash = 'echo.create'");
    await expect.poll(text).toContain(`Echo ${hostile}`);
    expect(await evaluate("document.querySelectorAll('img, main script').length")).toBe(0);
    expect(await evaluate("window.pwned === undefined")).toBe(true);
  });

  it("unfolds a recursive schema step by step, so that it never hangs on one", async () => {
    await evaluate("location.hash = ''");
    await evaluate("location.hash = 'echo.create'");
    await expect.poll(text).toContain("Request body");
    for (let depth = 1; depth <= 6; depth++) {
      expect(await evaluate("document.querySelectorAll('ul.schema').length")).toBe(depth);
      await evaluate("[...document.querySelectorAll('ul.schema details:not([open])')].at(-1).open = true");
      await expect.poll(() => evaluate("document.querySelectorAll('ul.schema').length")).toBe(depth + 1);
    }
  });

  it("sends what the form says with the key of this page, and shows the answer, so that a first call needs no other tool", async () => {
    await evaluate("location.hash = 'echo.create'");
    await expect.poll(text).toContain("Try it");
    await evaluate(`(() => {
      document.getElementById("key").value = " bw_local_t_k_secret ";
      const [id, limit] = document.querySelectorAll("form input");
      id.value = "a/b?c"; limit.value = "3";
      document.querySelector("form").requestSubmit();
    })()`);
    await expect.poll(text).toContain("complete after");
    expect(seen.at(-1)).toEqual({
      url: "/v1/echo/a%2Fb%3Fc?limit=3",
      authorization: "Bearer bw_local_t_k_secret",
      body: JSON.stringify({ name: hostile }, null, 2),
    });
    expect(await evaluate("document.querySelector('pre[aria-label]').textContent")).toBe(
      JSON.stringify({ echoed: hostile }, null, 2),
    );
    expect(
      await evaluate("[localStorage.length, sessionStorage.length, document.cookie, location.href.includes('secret')]"),
    ).toEqual([0, 0, "", false]);
  });

  it("shows a stream while it runs and stops it on demand, without a key where none is needed", async () => {
    await evaluate("location.hash = 'stream.read'");
    await expect.poll(text).toContain("stream.read");
    await evaluate("document.querySelector('form').requestSubmit()");
    const body = () => evaluate("document.querySelector('pre[aria-label]').textContent");
    await expect.poll(body).toBe("data: first\n\n");
    expect(seen.at(-1)?.authorization).toBeUndefined();
    streams[0]?.write("data: second\n\n");
    await expect.poll(body).toBe("data: first\n\ndata: second\n\n");
    const closed = new Promise((resolve) => streams[0]?.on("close", resolve));
    await evaluate("[...document.querySelectorAll('button')].find((one) => one.textContent === 'Stop').click()");
    await closed;
    await expect.poll(text).toContain("Stopped after");
  });

  it("names every control and marks where the reader is, so that it works with a keyboard and a screen reader", async () => {
    await evaluate("location.hash = 'echo.create'");
    await expect.poll(text).toContain("Try it");
    expect(
      await evaluate(
        "[...document.querySelectorAll('input, textarea')].filter((one) => one.labels.length === 0).length",
      ),
    ).toBe(0);
    expect(await evaluate("document.querySelector('[aria-current=page]').textContent")).toContain("/v1/echo/{id}");
    expect(await evaluate("document.activeElement.id")).toBe("title");
    await evaluate("document.querySelector('.skip').click()");
    expect(await evaluate("document.activeElement.id")).toBe("main");
    expect(await evaluate("location.hash")).toBe("#echo.create");
  });

  it("finds operations by words, so that a long list stays usable", async () => {
    await evaluate(
      "(() => { const f = document.getElementById('filter'); f.value = 'ECHO post'; f.dispatchEvent(new Event('input')); })()",
    );
    expect(await evaluate("document.querySelectorAll('nav li').length")).toBe(1);
    expect(await evaluate("document.querySelector('nav [role=status]').textContent")).toBe("1 of 2 operations");
  });
});
