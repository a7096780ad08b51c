import { conform } from "./suites/all.ts";
import { chatSuite } from "./suites/chat.ts";
import { cutStreamsSuite } from "./suites/cut-streams.ts";
import { idempotencySuite } from "./suites/idempotency.ts";
import { socketsSuite } from "./suites/sockets.ts";
import { streamsSuite } from "./suites/streams.ts";

// The embedded entry is the one that Deno runs; what differs on Node is the HTTP host, so its suites run here again.
conform("node", [chatSuite, streamsSuite, cutStreamsSuite, idempotencySuite, socketsSuite]);
