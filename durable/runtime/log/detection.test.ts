import { afterEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LogFault } from "../../../shared/contracts/log.ts";
import { checkArchive } from "../../../test/support/check-archive.ts";
import { LAB_SIGNER, LOG_ORIGIN, LogLab, PREFIX, TENANT } from "../../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { testSigner } from "../../../test/support/published-log.ts";
import { access, admitRequest, attribution, taskId } from "../../../test/support/tenant-fixtures.ts";
import { admit, change } from "../../tenant/core.ts";
import { suspectBundle } from "./turn.ts";

const opened: LogLab[] = [];
afterEach(() => {
  for (const lab of opened.splice(0)) lab.close();
});

/** A published log of 600 entries in two full bundles and a partial one, with a copy of its database from before. */
class Scene {
  readonly store = new MemoryObjectStore(() => this.lab.env.now);
  readonly lab: LogLab = new LogLab(() => this.store);
  older = "";

  static async open(): Promise<Scene> {
    const scene = new Scene();
    opened.push(scene.lab);
    scene.lab.append(198);
    await scene.lab.settle();
    scene.older = scene.lab.backup();
    scene.lab.append(400);
    await scene.lab.settle();
    return scene;
  }

  async bytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const got = await this.store.get(PREFIX + path);
    if (!got.ok) throw new Error(`${path} is not there`);
    return got.value.bytes;
  }
  async flip(path: string): Promise<void> {
    const bytes = await this.bytes(path);
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    this.store.tamper(PREFIX + path, bytes);
  }
  /** The next turn, after one more entry. */
  async turn(): Promise<LogFault | null> {
    this.lab.append(1);
    await this.lab.settle();
    return this.lab.state.halted?.fault ?? null;
  }
}

const HISTORY = "checkpoint-history/0000000000000600";

async function signed(size: number, root: Uint8Array, signer = LAB_SIGNER): Promise<{ note: string; dsse: string }> {
  const origin = `${LOG_ORIGIN}/${TENANT}`;
  return signer.signCheckpoint({ origin, size, root: Buffer.from(root).toString("base64") });
}

const CASES: { harm: string; fault: LogFault; detail: RegExp; does(scene: Scene): unknown }[] = [
  {
    harm: "a database that was rewound to an older copy",
    fault: "database_rewound",
    detail: /0{13}600 is signed, the log has 201 entries/,
    does: ({ lab, older }) => lab.rewind(older),
  },
  {
    harm: "a database that was rewound and has grown past what it had signed",
    fault: "forked",
    detail: /has root .+, the log /,
    does({ lab, older }) {
      lab.rewind(older);
      lab.append(600);
    },
  },
  {
    harm: "an older checkpoint in the place of the newest",
    fault: "checkpoint_replaced",
    detail: /of size 200, not 600/,
    async does(scene) {
      scene.store.tamper(`${PREFIX}checkpoint`, await scene.bytes("checkpoint-history/0000000000000200"));
    },
  },
  {
    harm: "an older checkpoint in the newest's place in the history",
    fault: "checkpoint_replaced",
    detail: /0{13}600 is not what was published$/,
    async does(scene) {
      scene.store.tamper(PREFIX + HISTORY, await scene.bytes("checkpoint-history/0000000000000200"));
    },
  },
  {
    harm: "a newest checkpoint that was deleted",
    fault: "checkpoint_replaced",
    detail: /0{13}600 is missing/,
    does: ({ store }) => store.tamper(PREFIX + HISTORY, null),
  },
  {
    harm: "an envelope that was deleted",
    fault: "checkpoint_replaced",
    detail: /0{13}600\.dsse\.json is missing/,
    does: ({ store }) => store.tamper(`${PREFIX}${HISTORY}.dsse.json`, null),
  },
  {
    harm: "a checkpoint that no key of the cell signed",
    fault: "checkpoint_unsigned",
    detail: /no_trusted_signature/,
    async does({ store }) {
      const { note } = await signed(9_000, new Uint8Array(32), testSigner(9).signer);
      store.tamper(`${PREFIX}checkpoint-history/0000000000009000`, Buffer.from(note) as Uint8Array<ArrayBuffer>); // safe because: not shared memory
    },
  },
  {
    harm: "a checkpoint of another tree, signed with the cell's own keys elsewhere",
    fault: "forked",
    detail: /0{13}601 has root/,
    async does({ store }) {
      const { note, dsse } = await signed(601, new Uint8Array(32));
      // safe because: neither is shared memory
      store.tamper(`${PREFIX}checkpoint-history/0000000000000601`, Buffer.from(note) as Uint8Array<ArrayBuffer>);
      store.tamper(
        `${PREFIX}checkpoint-history/0000000000000601.dsse.json`,
        Buffer.from(dsse) as Uint8Array<ArrayBuffer>,
      );
    },
  },
  {
    harm: "a tile at the edge that was deleted",
    fault: "tile_missing",
    detail: /^tile\/0\/002\.p\/88 is missing/,
    does: ({ store }) => store.tamper(`${PREFIX}tile/0/002.p/88`, null),
  },
  {
    harm: "a tile at the edge that was altered",
    fault: "tile_altered",
    detail: /^tile\/1\/000\.p\/2 /,
    does: (scene) => scene.flip("tile/1/000.p/2"),
  },
  {
    harm: "entries at the edge that were altered",
    fault: "tile_altered",
    detail: /^tile\/entries\/002\.p\/88 /,
    does: (scene) => scene.flip("tile/entries/002.p/88"),
  },
  {
    harm: "a tile where the next one belongs",
    fault: "tile_altered",
    detail: /^tile\/0\/002\.p\/89 was there with other bytes/,
    does: ({ store }) => store.tamper(`${PREFIX}tile/0/002.p/89`, new Uint8Array(89 * 32)),
  },
];

describe("the archive as witness", () => {
  it.each(CASES)("names $fault for $harm, and signs and admits nothing until they agree", async (one) => {
    const scene = await Scene.open();
    const { lab } = scene;
    await one.does(scene);
    expect(await scene.turn()).toBe(one.fault);
    expect(lab.state.halted?.detail).toMatch(one.detail);
    expect(lab.faults.at(-1)).toBe(one.fault);
    const [refused] = admit(lab.sql, lab.env, [admitRequest(taskId(1), lab.env.now)]);
    expect(refused).toMatchObject({ error: { reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs } });
    const changed = change(lab.sql, lab.env, { access: access(), by: attribution() }, { name: "Other" });
    expect(changed).toMatchObject({ error: { reason: "ledger_halted" } });
    expect(lab.kinds().filter((kind) => kind === "ledger.halted").length).toBe(1);
  });

  it("finds any full tile or bundle that is missing or altered within one round of turns, so that old entries are watched too", async () => {
    for (const [path, fault] of [
      ["tile/0/000", "tile_altered"],
      ["tile/entries/001", "tile_altered"],
      ["tile/entries/000", "tile_missing"],
      ["tile/0/001", "tile_missing"],
    ] as const) {
      const scene = await Scene.open();
      if (fault === "tile_missing") scene.store.tamper(PREFIX + path, null);
      else await scene.flip(path);
      const found = [await scene.turn(), await scene.turn()].find((one) => one !== null);
      expect([found, scene.lab.state.halted?.detail]).toEqual([fault, expect.stringContaining(path)]);
    }
  });

  it("looks at once at a bundle that a reader found damaged", async () => {
    const scene = await Scene.open();
    scene.store.tamper(`${PREFIX}tile/entries/001`, null);
    suspectBundle(scene.lab.sql, 1);
    await scene.lab.alarm();
    expect(scene.lab.state.halted).toMatchObject({ fault: "tile_missing", detail: "tile/entries/001 is missing" });
  });

  it("goes on by itself when archive and database agree again, with both in the ledger", async () => {
    const scene = await Scene.open();
    const { lab, store } = scene;
    const note = await scene.bytes(HISTORY);
    store.tamper(PREFIX + HISTORY, null);
    expect(await scene.turn()).toBe("checkpoint_replaced");
    const sinceMs = lab.state.halted?.since_ms;
    for (let at = 0; at < 3; at++) await lab.alarm();
    expect(lab.state.halted).toMatchObject({ fault: "checkpoint_replaced", since_ms: sinceMs });
    // Who watches how much waits sees it grow while nothing is signed.
    expect(lab.unpublished).toBe(lab.size - 600);
    expect(lab.unpublished).toBeGreaterThan(0);
    expect(lab.env.now - (sinceMs ?? 0)).toBe(3 * LIMITS.logRecheckMs);
    store.tamper(PREFIX + HISTORY, note);
    await lab.settle();
    expect([lab.state.halted, lab.faults.at(-1)]).toEqual([null, null]);
    expect(lab.kinds().filter((kind) => kind.startsWith("ledger."))).toEqual(["ledger.halted", "ledger.resumed"]);
    const [admitted] = admit(lab.sql, lab.env, [admitRequest(taskId(1), lab.env.now)]);
    expect(admitted?.ok).toBe(true);
    await lab.settle();
    expect((await checkArchive(store, PREFIX, lab.state.origin, LAB_SIGNER)).texts.length).toBe(lab.size);
  });

  it("names each further fault too while it is halted", async () => {
    const scene = await Scene.open();
    scene.lab.rewind(scene.older);
    expect(await scene.turn()).toBe("database_rewound");
    scene.lab.append(500);
    await scene.lab.alarm();
    expect(scene.lab.state.halted?.fault).toBe("forked");
    const halts = scene.lab.kinds().filter((kind) => kind === "ledger.halted");
    expect(halts.length).toBe(2);
  });

  it("finds a pointer of a log whose database and history are gone, so that a lost cell does not begin anew unseen", async () => {
    const scene = await Scene.open();
    const fresh = new LogLab(() => scene.store);
    opened.push(fresh);
    for (const key of scene.store.objects.keys()) if (!key.endsWith("/checkpoint")) scene.store.tamper(key, null);
    await fresh.settle();
    expect(fresh.state.halted).toMatchObject({ fault: "database_rewound" });
  });
});
