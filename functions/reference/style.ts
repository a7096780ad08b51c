/** The page's only stylesheet. Colours meet 4.5:1 on their grounds in both schemes; nothing is loaded. */
export const STYLE = `
:root { color-scheme: light dark;
  --ground: #fff; --panel: #f5f6f8; --line: #d5d9e0; --text: #1b1f27; --quiet: #555e6e; --accent: #0b57b0; --code: #eef0f4;
  --get: #0b5e8a; --post: #1c6b35; --put: #7a5200; --patch: #7a5200; --delete: #a11d21; --bad: #a11d21; --good: #1c6b35; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171c; --panel: #1c2027; --line: #363d49; --text: #e8eaee; --quiet: #a6afbd; --accent: #7fb5ff; --code: #232832;
  --get: #6ec3f0; --post: #74d18f; --put: #e0b65a; --patch: #e0b65a; --delete: #ff9b9b; --bad: #ff9b9b; --good: #74d18f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.55 system-ui, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 8px; top: 8px; background: var(--ground); padding: 8px; z-index: 2; }
.frame { display: grid; grid-template-columns: 300px minmax(0, 1fr); min-height: 100vh; }
.side { background: var(--panel); border-right: 1px solid var(--line); padding: 16px; position: sticky; top: 0; height: 100vh; overflow: auto; }
.side h1 { font-size: 18px; margin: 0 0 12px; } .side h2 { font-size: 12px; text-transform: uppercase; letter-spacing: .06em; color: var(--quiet); margin: 18px 0 4px; }
.side ul { list-style: none; margin: 0; padding: 0; }
.side li a { display: flex; gap: 8px; padding: 3px 6px; border-radius: 4px; text-decoration: none; color: var(--text); font-size: 13.5px; overflow-wrap: anywhere; }
.side li a:hover { background: var(--code); } .side li a[aria-current] { background: var(--code); font-weight: 600; }
main { padding: 24px 32px 80px; max-width: 1080px; }
main h2 { margin: 0 0 4px; font-size: 22px; } main h3 { margin: 28px 0 8px; font-size: 16px; border-bottom: 1px solid var(--line); padding-bottom: 4px; } main h4 { margin: 14px 0 4px; font-size: 14px; }
.verb { font: 600 11px/1.9 ui-monospace, monospace; text-transform: uppercase; min-width: 48px; }
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); } .patch { color: var(--patch); } .delete { color: var(--delete); }
.path { font: 15px/1.6 ui-monospace, monospace; overflow-wrap: anywhere; } .quiet { color: var(--quiet); } .bad { color: var(--bad); } .good { color: var(--good); }
code, pre, textarea { font: 13px/1.5 ui-monospace, monospace; } code { background: var(--code); padding: 1px 4px; border-radius: 3px; }
pre { background: var(--code); padding: 12px; border-radius: 6px; overflow: auto; max-height: 480px; white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); } th { font-weight: 600; color: var(--quiet); font-size: 13px; }
ul.schema { list-style: none; margin: 0; padding-left: 16px; border-left: 1px solid var(--line); } ul.schema > li { padding: 3px 0; }
td p, ul.schema p { margin: 2px 0; }
summary { cursor: pointer; } details { margin: 2px 0; } .facts { display: flex; flex-wrap: wrap; gap: 6px 14px; margin: 8px 0; padding: 0; font-size: 13px; }
label { display: block; font-size: 13px; font-weight: 600; margin: 10px 0 3px; }
input, textarea, select { width: 100%; padding: 7px 9px; border: 1px solid var(--quiet); border-radius: 5px; background: var(--ground); color: var(--text); font-size: 14px; }
textarea { min-height: 180px; resize: vertical; }
button { padding: 7px 16px; border: 1px solid var(--accent); border-radius: 5px; background: var(--accent); color: var(--ground); font-size: 14px; font-weight: 600; cursor: pointer; margin: 10px 8px 4px 0; }
button.plain { background: transparent; color: var(--accent); } button:disabled { opacity: .5; cursor: default; }
@media (max-width: 800px) { .frame { display: block; } .side { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); } main { padding: 16px; } }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
`;
