import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../infra/local/command.mjs";

interface Plan {
  static: { strings: { value: string }[] };
  funcs: { funcs: { name: string; blocks: { stmts: unknown[] }[] }[] };
}

const EXAMPLE = "policies/plans/tenant-example.json";
const RULES = "g0.data.bailiwick.refusals";

/**
 * The example policy of a tenant with so many rules of the form `refusals contains "rule_n" if input.purpose == "n"`, as
 * `opa build` plans each: one block that reads, compares and adds, with constants of its own.
 */
export function rulesPlan(rules: number): string {
  // safe because: the committed plan, whose shape the lines below check as far as they use it
  const plan = JSON.parse(readFileSync(join(ROOT, EXAMPLE), "utf8")) as Plan;
  const blocks = plan.funcs.funcs.find(({ name }) => name === RULES)?.blocks;
  const pattern = blocks?.[1] && JSON.stringify(blocks[1]);
  const { strings } = plan.static;
  const indexed = (text: string) =>
    `{"type":"string_index","value":${strings.findIndex(({ value }) => value === text)}}`;
  const [purpose, name] = [indexed("training"), `"value":${indexed("example_no_training")}`];
  if (!blocks || !pattern?.includes(`"b":${purpose}`) || !pattern.includes(name))
    throw new Error(`${EXAMPLE} does not have the rule that is repeated`);
  const own = Array.from({ length: rules }, (_, number) => {
    const at = strings.push({ value: `purpose-${number}` }, { value: `rule_${number}` });
    const text = pattern
      .replace(purpose, `{"type":"string_index","value":${at - 2}}`)
      .replace(name, `"value":{"type":"string_index","value":${at - 1}}`);
    const block: { stmts: unknown[] } = JSON.parse(text);
    return block;
  });
  blocks.splice(1, blocks.length - 2, ...own);
  return JSON.stringify(plan);
}
