import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import type { Facts } from "../facts.ts";
import { OPERATORS, TENANTS, type TenantName } from "../parts/config.ts";
import { cellSigner } from "../parts/signer.ts";
import type { Caller } from "../workload/caller.ts";
import { look } from "../workload/content.ts";
import type { People } from "../workload/others.ts";
import { isRevision } from "../workload/read.ts";
import { checkAnswers } from "./answers.ts";
import { checkBatch } from "./batches.ts";
import { checkCharges, checkSums, checkTasks } from "./books.ts";
import { checkErasures, checkSessions } from "./content.ts";
import { checkApprovals, checkCallbacks, checkDenials, checkMoves } from "./governance.ts";
import { checkKeys, checkOffline, checkRemains, type Homes } from "./homes.ts";
import { checkChanges, checkCheckpoints, checkHeads, readLedger } from "./ledger.ts";
import { checkRefused } from "./pools.ts";

export type Complain = (invariant: string, detail: string) => void;

/** Everything that must be true of a cell at rest, from its own books and from what its callers know. */
export async function judge(caller: Caller, people: People, homes: Homes): Promise<void> {
  const { cell: first, cells, facts } = caller;
  const complain: Complain = (invariant, detail) => first.world.violated(invariant, detail);
  const { generations } = first.engines;
  checkAnswers(facts, generations, complain);
  const signed = await Promise.all(cells.map(({ clock, place }) => cellSigner(clock, place.id).keys()));
  const keys = signed.flat().filter(({ alg }) => alg === "Ed25519");
  const publicKeys = keys.flatMap(({ jwk }) => {
    const key = decodeBase64url(jwk.x ?? "");
    return key === null ? [] : [key];
  });
  for (const tenant of TENANTS) {
    const cell = homes.of(tenant);
    if (cell === null) return complain("exactly one cell serves a tenant", `${tenant} is live nowhere`);
    const db = cell.disk.databases.get(`tenant/${tenant}`);
    if (!db) return complain("no acknowledged record is lost", `tenant ${tenant} is gone`);
    const sql = new NodeSql(db);
    const chain = (detail: string) => complain("the ledger is whole", detail);
    const entries = readLedger(tenant, sql, chain);
    for (const other of TENANTS)
      if (other !== tenant && entries.some(({ text }) => text.includes(`[${other} q`)))
        complain("nothing of a tenant reaches another", `${other} in the ledger of ${tenant}`);
    checkHeads(facts, tenant, entries, chain);
    checkChanges(tenant, sql, entries, chain);
    if (cell.shape.publishes) {
      const size = await checkCheckpoints(cell, publicKeys, tenant, entries, chain);
      if (size !== entries.length) chain(`${tenant}: ${size} of ${entries.length} entries are published`);
    }
    const charged = checkTasks(entries, complain);
    checkSums(cell, tenant, sql, entries, charged, complain);
    checkCharges(facts, tenant, generations, charged, complain);
    checkRefused(facts, tenant, generations, charged, complain);
    checkDenials(tenant, entries, complain);
    checkMoves(tenant, entries, complain);
    checkApprovals(facts, tenant, sql, entries, complain);
    checkCallbacks(cell, tenant, entries, complain);
    checkErasures(cell, facts, tenant, entries, complain);
    if (cells.length === 1 || tenant === OPERATORS) continue;
    for (const at of cells) checkRemains(at, tenant, cell, complain);
    const [old] = cells.filter((at) => at !== cell);
    if (old !== undefined) await checkCheckpoints(old, publicKeys, tenant, entries, chain);
    if (cell !== first || old?.disk.databases.has(`tenant/${tenant}`))
      await checkOffline(cell, tenant, entries.length, complain);
    await checkKeys(caller, facts, people, tenant, cell, complain);
  }
  for (const { models } of cells)
    if (models.parked.length > 0) complain("no event is lost", `parked: ${models.parked.join(", ")}`);
  for (const tenant of TENANTS) {
    const home = homes.of(tenant);
    if (home !== null) checkSessions(home, tenant, facts, complain);
  }
  await checkInterface(homes, facts, caller, people, complain);
}

/** The same through `/v1`, as its tenants see it; and as strangers must not. */
async function checkInterface(
  homes: Homes,
  facts: Facts,
  caller: Caller,
  people: People,
  complain: Complain,
): Promise<void> {
  for (const tenant of TENANTS) {
    const used = await caller.settled(people.admins[tenant], "GET", "/v1/usage");
    const groups = Array.isArray(used?.body.data) ? used.body.data : [];
    const told = groups.reduce((sum: number, group) => sum + (isGroup(group) ? group.cost_nusd : 0), 0);
    const sql = new NodeSql(homes.of(tenant)?.disk.databases.get(`tenant/${tenant}`) ?? fail(tenant));
    const kept = sql.get<{ n: number }>("SELECT coalesce(sum(cost_nusd), 0) AS n FROM usage")?.n ?? 0;
    if (told !== kept)
      complain("ledger, usage, budget and SQL agree", `${tenant}: /v1/usage says ${told}, kept are ${kept}`);
  }
  for (const { tenant, tasks, id } of [...facts.prompts.values()].slice(-6)) {
    const [task] = tasks;
    if (task === undefined) continue;
    const stranger: TenantName = tenant === "alpha" ? "beta" : "alpha";
    const seen = await caller.settled(people.admins[stranger], "GET", `/v1/tasks/${task}`);
    if (seen?.answer.status !== 404)
      complain(
        "nothing of a tenant reaches another",
        `${stranger} asks for ${task} of ${id} and gets ${seen?.answer.status}`,
      );
    const own = await caller.settled(people.admins[tenant], "GET", `/v1/tasks/${task}`);
    const known = facts.prompts.get(id)?.answers.some(({ said, complete }) => complete && said !== null) ?? false;
    if (known && own?.answer.status !== 200)
      complain("no acknowledged record is lost", `${tenant} asks for ${task} and gets ${own?.answer.status}`);
  }
  for (const [tenant, revision] of facts.policies) {
    const state = await caller.settled(people.admins[tenant], "GET", "/v1/policies");
    if (!isRevision(state?.answer.text ?? "", revision))
      complain("no acknowledged record is lost", `${tenant}: policy ${revision}, but ${state?.answer.text}`);
  }
  for (const kept of facts.kept.values())
    for (let tries = 0; tries < 3 && (await look(caller, people.admins[kept.tenant], kept)) === null; tries++);
  for (const batch of facts.batches)
    await checkBatch(caller, people.admins[batch.tenant], batch, facts, caller.cell.engines.generations, complain);
}

const isGroup = (group: unknown): group is { cost_nusd: number } =>
  typeof group === "object" && group !== null && "cost_nusd" in group && typeof group.cost_nusd === "number";

const fail = (what: string): never => {
  throw new Error(`${what} is gone`);
};
