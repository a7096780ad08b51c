import { sha256 } from "../../shared/crypto/sha256.ts";
import { DOM_SCRIPT } from "./script/dom.ts";
import { MAIN_SCRIPT } from "./script/main.ts";
import { OPERATION_SCRIPT } from "./script/operation.ts";
import { SCHEMA_SCRIPT } from "./script/schema.ts";
import { TRY_SCRIPT } from "./script/try-it.ts";
import { STYLE } from "./style.ts";

const SCRIPT = `(() => {\n"use strict";\n${DOM_SCRIPT}${SCHEMA_SCRIPT}${OPERATION_SCRIPT}${TRY_SCRIPT}${MAIN_SCRIPT}})();`;

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the operation</a>
<div class="frame">
<header class="side">
<h1><a href="#">API reference</a></h1>
<label for="key">API key, kept in this page only</label>
<input id="key" type="password" autocomplete="off" spellcheck="false" placeholder="bw_…">
<label for="filter">Find an operation</label>
<input id="filter" type="search" autocomplete="off" spellcheck="false">
<nav id="nav" aria-label="Operations"></nav>
</header>
<main id="main" tabindex="-1"><p role="status">Loading…</p><noscript><p>This page needs JavaScript. The same text is in <a href="/openapi.json">/openapi.json</a>.</p></noscript></main>
</div>
<script>${SCRIPT}</script>
</body>
</html>
`;

const source = (text: string): string => `'sha256-${btoa(String.fromCharCode(...sha256(text)))}'`;

const CSP = [
  "default-src 'none'",
  `script-src ${source(SCRIPT)}`,
  `style-src ${source(STYLE)}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/**
 * The interactive API reference: one document that loads nothing but `/openapi.json` of its own origin, so it works
 * offline. Send `csp` as `content-security-policy`: it lets exactly this script and this style run.
 */
export const referencePage = (): { html: string; csp: string } => ({ html: HTML, csp: CSP });
