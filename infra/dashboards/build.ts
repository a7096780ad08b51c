import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DASHBOARDS, type Dashboard } from "./panels.ts";

const COLUMNS = 2;
const [WIDTH, HEIGHT] = [24 / COLUMNS, 8];

/** The JSON that Grafana 10 or newer imports; the data source is asked for on import. */
export function grafana({ uid, title, panels }: Dashboard): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's placeholder, which it fills itself
  const datasource = { type: "prometheus", uid: "${datasource}" };
  const document = {
    uid,
    title,
    tags: ["bailiwick"],
    schemaVersion: 39,
    editable: false,
    timezone: "utc",
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        {
          ...{ name: "cell", type: "query", datasource, query: "label_values(bailiwick_build_info, cell)" },
          ...{ includeAll: true, multi: true, allValue: ".*", current: { text: "All", value: "$__all" }, refresh: 2 },
        },
      ],
    },
    panels: panels.map((panel, at) => ({
      id: at + 1,
      type: "timeseries",
      title: panel.title,
      datasource,
      gridPos: { x: (at % COLUMNS) * WIDTH, y: Math.floor(at / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: {
        defaults: { unit: panel.unit, min: 0, custom: { fillOpacity: 8, showPoints: "never" } },
        overrides: [],
      },
      options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
      targets: Object.entries(panel.queries).map(([legendFormat, expr], index) => ({
        refId: String.fromCharCode(65 + index),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export const fileOf = ({ uid }: Dashboard): string =>
  join(import.meta.dirname, `${uid.replace(/^bailiwick-/, "")}.dashboard.json`);

// `npm run dashboards`
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const dashboard of DASHBOARDS) writeFileSync(fileOf(dashboard), grafana(dashboard));
