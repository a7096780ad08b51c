import { describe, expect, it } from "vitest";
import { TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ConstraintViolation, ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import { edgeTokens, objectsUri } from "../../shared/crypto/edge-token.ts";
import { EDGE_SEED, NobodyThere, OBJECTS_CELL, partly, remoteWorld } from "../../test/support/remote-ports.ts";
import { ObjectOverloaded, ObjectUnavailable } from "../runtime/object-class.ts";
import { VERSION_HEADER, VersionRefused } from "./http-protocol.ts";

const tenant = TenantId.parse("acme");

type Network = NonNullable<Parameters<typeof remoteWorld>[0]["network"]>;
/** What happens to each send, in turn; afterwards all arrive. */
const fate = (...steps: ("refused" | "request lost" | "answer lost" | "arrives")[]): Network => {
  const left = [...steps];
  return async (request, arrive) => {
    const step = left.shift() ?? "arrives";
    if (step === "refused") throw new NobodyThere("nobody listens");
    if (step === "request lost") throw new Error("connection reset");
    const answer = await arrive(request);
    if (step === "arrives") return answer;
    await answer.body?.cancel();
    throw new Error("connection reset");
  };
};

describe("calls between an edge and its objects", () => {
  it("of one tick travel together, so that load makes sends larger and not more", async () => {
    const asked: string[] = [];
    const { ports, sends } = remoteWorld({
      ports: {
        tenant: partly<"tenant">({
          async lookup(name) {
            asked.push(name);
            return { ok: false, error: { reason: "unknown_tenant" } };
          },
        }),
      },
    });
    await Promise.all(Array.from({ length: 50 }, (_, index) => ports.tenant.lookup(TenantId.parse(`t${index}`), null)));
    expect(new Set(asked).size).toBe(50);
    expect(sends.length).toBe(1);
  });

  it("that end early are answered while others of the same send still run", async () => {
    const slow = Promise.withResolvers<void>();
    const { ports } = remoteWorld({
      ports: {
        cell: partly<"cell">({
          async active() {
            await slow.promise;
            return null;
          },
          pools: async () => [],
        }),
      },
    });
    const waiting = ports.cell.active();
    expect(await ports.cell.pools()).toEqual([]);
    slow.resolve();
    expect(await waiting).toBeNull();
  });

  it("that take long hold up no others, however many of them there are", async () => {
    const slow = Promise.withResolvers<void>();
    const { ports } = remoteWorld({
      ports: {
        control: partly<"control">({
          async ready() {
            await slow.promise;
            return { ready: true, reason: null };
          },
        }),
        cell: partly<"cell">({
          async active() {
            await slow.promise;
            return null;
          },
          pools: async () => [],
        }),
      },
    });
    const waiting: Promise<unknown>[] = [];
    for (let asked = 0; asked < 3 * LIMITS.remoteSendsMax; asked++) {
      waiting.push(ports.control.ready(), ports.cell.active());
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(await ports.cell.pools()).toEqual([]);
    slow.resolve();
    await Promise.all(waiting);
  });

  it("are made again when nothing of them arrived, whatever they do: objects that restart are waited for", async () => {
    let made = 0;
    const { ports } = remoteWorld({
      network: fate("refused", "refused", "refused"),
      ports: {
        cell: partly<"cell">({
          async count() {
            made++;
            return {};
          },
        }),
      },
    });
    await ports.cell.count({ a: 1 });
    expect(made).toBe(1);
  });

  it("that may have been carried out are not made again unless that changes nothing, so nothing happens twice", async () => {
    let counted = 0;
    const world = () =>
      remoteWorld({
        network: fate("answer lost"),
        ports: {
          cell: partly<"cell">({
            async count() {
              counted++;
              return {};
            },
            async registerTenant() {
              counted++;
            },
          }),
        },
      });
    await expect(world().ports.cell.count({ a: 1 })).rejects.toBeInstanceOf(ObjectUnavailable);
    expect(counted).toBe(1);
    await world().ports.cell.registerTenant("t");
    expect(counted).toBe(3);
  });

  it("give up after a while, as the port's own unavailability, so that no caller waits for ever", async () => {
    const away: Network = async () => {
      throw new NobodyThere("nobody listens");
    };
    const { ports, sends } = remoteWorld({ ports: {}, network: away, waitMsMax: 1_000 });
    await expect(ports.tenant.lookup(tenant, null)).rejects.toBeInstanceOf(ObjectUnavailable);
    await expect(ports.control.asOperator([])).rejects.toBeInstanceOf(ControlDbUnavailable);
    await expect(ports.archive.head("a")).rejects.toMatchObject({ name: "ObjectStoreUnavailable" });
    await expect(ports.queue.depth({ pool: "p", class: "batch" })).rejects.toMatchObject({
      name: "JobQueueUnavailable",
    });
    expect(sends.length).toBeGreaterThan(8);
  });

  it("that record what happened are waited for longer than others, so that a restart leaves no answer unrecorded", async () => {
    const tenants = partly<"tenant">({
      settle: async () => [],
      lookup: async () => ({ ok: false, error: { reason: "unknown_tenant" } }),
    });
    // Some 40 s of tries.
    const away = () => fate(...Array.from({ length: 100 }, () => "refused" as const));
    const settling = remoteWorld({ ports: { tenant: tenants }, network: away() });
    expect(await settling.ports.tenant.settle(tenant, [])).toEqual([]);
    const looking = remoteWorld({ ports: { tenant: tenants }, network: away() });
    await expect(looking.ports.tenant.lookup(tenant, null)).rejects.toBeInstanceOf(ObjectUnavailable);
  });

  it("keep the errors that their ports promise, and tell nothing of those that they do not", async () => {
    const { ports, failures } = remoteWorld({
      ports: {
        control: partly<"control">({
          async withTenant() {
            throw new ConstraintViolation("workspace_pkey");
          },
          async asOperator() {
            throw new Error("password of the database");
          },
        }),
        cell: partly<"cell">({
          async active() {
            throw new ObjectOverloaded("too many calls");
          },
        }),
      },
      waitMsMax: 0,
    });
    await expect(ports.control.withTenant("t", [])).rejects.toMatchObject({ constraint: "workspace_pkey" });
    await expect(ports.control.asOperator([])).rejects.toThrow(/^the objects failed$/);
    await expect(ports.cell.active()).rejects.toBeInstanceOf(ObjectOverloaded);
    expect(failures.map(String)).toEqual(["Error: password of the database"]);
  });

  it("reach methods of ports alone, so that no name is a way to anything else", async () => {
    const { server } = remoteWorld({ ports: {} });
    const audience = objectsUri(OBJECTS_CELL);
    const token = await edgeTokens(EDGE_SEED, "e", audience).sign({ now: Date.now(), expires: Date.now() + 1_000 });
    const { encodeValue, decodeValue } = await import("./wire-value.ts");
    const send = async (call: unknown[]) => {
      const answer = await server.handle(
        new Request("http://objects.example.com/objects/calls", {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, [VERSION_HEADER]: "2" },
          body: encodeValue([call]),
        }),
      );
      const bytes = new Uint8Array(await answer.arrayBuffer());
      return answer.status === 200 ? (decodeValue(bytes.subarray(4, -4)) as [number, unknown])[1] : answer.status; // safe because: one answer was asked for
    };
    const refused = { kind: "fault", ran: false, fault: { name: "ObjectUnavailable" } };
    for (const call of [
      ["tenant", ["t"], "constructor", []],
      ["__proto__", [], "toString", []],
      ["queue", [], "close", []],
      ["tenant", [], "lookup", []],
      ["task", ["t", "k"], "watchLog", [0]],
    ])
      expect(await send(call)).toMatchObject(refused);
    expect(await send(["tenant"])).toBe(400);
  });
});

describe("the objects' port", () => {
  const world = (token: () => Promise<string>) =>
    remoteWorld({ token, waitMsMax: 100, ports: { cell: partly<"cell">({ active: async () => null }) } });
  const audience = objectsUri(OBJECTS_CELL);
  const now = () => Date.now();

  it.each([
    ["a tenant's key", "invalid", async () => "bw_local_default_x"],
    ["nothing", "absent", async () => ""],
    [
      ...["another edge's key", "invalid"],
      () => edgeTokens(new Uint8Array(32).fill(9), "e", audience).sign({ now: now(), expires: now() + 60_000 }),
    ],
    [
      ...["a word to another cell's objects", "invalid"],
      () => edgeTokens(EDGE_SEED, "e", objectsUri("eu1")).sign({ now: now(), expires: now() + 60_000 }),
    ],
    [
      ...["a word that has ended", "expired"],
      () => edgeTokens(EDGE_SEED, "e", audience).sign({ now: now() - 9e5, expires: now() - 6e5 }),
    ],
    [
      ...["a word with a longer life than one may have", "invalid"],
      () => edgeTokens(EDGE_SEED, "e", audience).sign({ now: now(), expires: now() + LIMITS.edgeTokenMsMax + 60_000 }),
    ],
  ] as [string, string, () => Promise<string>][])(
    "opens for %s to nobody, and tells of it (%s)",
    async (_what, why, token) => {
      const { ports, sends, refusals } = world(token);
      await expect(ports.cell.active()).rejects.toBeInstanceOf(ObjectUnavailable);
      expect(sends.length).toBeGreaterThan(0);
      expect(refusals).toEqual(sends.map(() => why));
    },
  );

  it("reads nothing of a send before it knows whose it is, nor more than its bound afterwards", async () => {
    const { server } = remoteWorld({ ports: {} });
    let pulled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulled++;
            controller.enqueue(new Uint8Array(8 * 1024 * 1024));
          },
        },
        { highWaterMark: 0 },
      );
    const send = (headers: Record<string, string>) =>
      server.handle(
        new Request("http://objects.example.com/objects/calls", {
          ...{ method: "POST", headers, body: endless() },
          ...{ duplex: "half" },
        }),
      );
    expect((await send({ [VERSION_HEADER]: "2" })).status).toBe(401);
    expect(pulled).toBe(0);
    const token = await edgeTokens(EDGE_SEED, "e", audience).sign({ now: now(), expires: now() + 60_000 });
    const known = { authorization: `Bearer ${token}`, [VERSION_HEADER]: "2" };
    expect((await send(known)).status).toBe(413);
    expect(pulled).toBeLessThan(12);
  });

  it("has nothing but its paths", async () => {
    const { server } = remoteWorld({ ports: {} });
    expect((await server.handle(new Request("http://objects.example.com/v1/models"))).status).toBe(404);
    expect((await server.handle(new Request("http://objects.example.com/healthz"))).status).toBe(200);
  });

  it("that closes turns new sends away as not carried out, and answers those that it has begun", async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    let made = 0;
    const { ports, server } = remoteWorld({
      ports: {
        cell: partly<"cell">({
          async count() {
            made++;
            begun.resolve();
            await finish.promise;
            return {};
          },
        }),
      },
      waitMsMax: 100,
    });
    const first = ports.cell.count({ a: 1 });
    await begun.promise;
    const closed = server.close();
    await expect(ports.cell.count({ b: 1 })).rejects.toBeInstanceOf(ObjectUnavailable);
    finish.resolve();
    expect(await first).toEqual({});
    await closed;
    expect(made).toBe(1);
  });
});

describe("versions of the protocol", () => {
  const ports = { cell: partly<"cell">({ pools: async () => [], active: async () => null }) };
  const newest = { min: 1, max: 2 };
  const before = { min: 1, max: 1 };

  it.each([
    ["a newer edge", newest, before],
    ["newer objects", before, newest],
  ])("come to what both speak, so that %s may be rolled out first", async (_which, edge, objects) => {
    const world = remoteWorld({ ports, edge, objects });
    const answers = await Promise.all([
      world.ports.cell.pools(),
      world.ports.cell.active(),
      ...Array.from({ length: 20 }, () => world.ports.cell.pools()),
    ]);
    expect(answers.slice(0, 2)).toEqual([[], null]);
    expect(answers.length).toBe(22);
    expect(new Set(world.sends.slice(4).map(({ headers }) => headers.get(VERSION_HEADER)))).toEqual(new Set(["1"]));
  });

  it("go up again once the objects were brought up to date, without a restart of the edge", async () => {
    let objects = remoteWorld({ ports, objects: before });
    const world = remoteWorld({ ports, network: (request) => objects.server.handle(request) });
    await world.ports.cell.pools();
    expect(world.sends.at(-1)?.headers.get(VERSION_HEADER)).toBe("1");
    objects = remoteWorld({ ports });
    await world.ports.cell.pools();
    await world.ports.cell.pools();
    expect(world.sends.at(-1)?.headers.get(VERSION_HEADER)).toBe("2");
  });

  it("without one in common are refused at once, by name", async () => {
    const world = remoteWorld({ ports, edge: { min: 3, max: 4 } });
    const failure = await world.ports.cell.pools().catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(ObjectUnavailable);
    expect((failure as Error).cause).toBeInstanceOf(VersionRefused); // safe because: it was looked at above
    expect(String((failure as Error).cause)).toContain("versions 1 to 2"); // safe because: as above
    expect(world.sends.length).toBe(1);
  });
});
