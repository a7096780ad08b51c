import type { Stack } from "./stacks.ts";

const WIDTH = 1200;
const ROW = 17;
const CHAR = 6.2;
const HEAD = 44;
/** Narrower than this a function is left out, and so is what it called. */
const SHARE_MIN = 0.002;
const COLOURS: readonly (readonly [RegExp, string, string])[] = [
  [/^garbage/, "#b9b4ae", "garbage collector"],
  [/^(runtime|native)/, "#9fb7d4", "runtime"],
  [/^durable/, "#e58e5a", "durable"],
  [/^functions/, "#f2c14e", "functions"],
  [/^(shared|policies|infra)/, "#a8c686", "shared, policies"],
  [/./, "#d3a4c9", "packages"],
];

const colourOf = (area: string): string => COLOURS.find(([areas]) => areas.test(area))?.[1] ?? "#dddddd";
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** A flame graph as one SVG without scripts: width is processor time, a caller is below its callees, each box has a title. */
export function flameGraph(root: Stack, title: string): string {
  const boxes: string[] = [];
  let deepest = 0;
  const place = (stack: Stack, x: number, depth: number): void => {
    deepest = Math.max(deepest, depth);
    const width = (stack.us / root.us) * WIDTH;
    const share = ((100 * stack.us) / root.us).toFixed(1);
    const room = Math.floor((width - 6) / CHAR);
    const label = room < 3 ? "" : escaped(stack.name.slice(0, room));
    const at = `x="${x.toFixed(1)}" width="${width.toFixed(1)}"`;
    boxes.push(
      `<g transform="translate(0,{${depth}})"><title>${escaped(`${stack.name} · ${stack.area} · ${share} %`)}</title>` +
        `<rect ${at} height="${ROW - 1}" fill="${colourOf(stack.area)}"/>` +
        `${label && `<text x="${(x + 3).toFixed(1)}" y="12">${label}</text>`}</g>`,
    );
    let next = x;
    for (const callee of [...stack.callees.values()].sort((a, b) => b.us - a.us)) {
      if (callee.us / root.us >= SHARE_MIN) place(callee, next, depth + 1);
      next += (callee.us / root.us) * WIDTH;
    }
  };
  place(root, 0, 0);
  const height = HEAD + (deepest + 1) * ROW + 4;
  const body = boxes.join("\n").replace(/\{(\d+)\}/g, (_, depth) => String(height - 4 - (Number(depth) + 1) * ROW));
  const legend = COLOURS.map(
    ([, colour, name], i) =>
      `<rect x="${4 + i * 150}" y="24" width="12" height="12" fill="${colour}"/><text x="${20 + i * 150}" y="34">${name}</text>`,
  ).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="monospace" font-size="10.5">
<rect width="100%" height="100%" fill="#ffffff"/><text x="4" y="15" font-size="13">${escaped(title)}</text>${legend}
${body}
</svg>
`;
}
