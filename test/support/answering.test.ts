import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { answering } from "./answering.ts";

it("a caller that goes away in mid-request fails no test, and the next one is answered", async () => {
  const begun = Promise.withResolvers<IncomingMessage>();
  const server = createServer(
    answering(async (request, response) => {
      begun.resolve(request);
      response.end(await text(request));
    }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  const caller = connect(port, "127.0.0.1");
  caller.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
  const left = await begun.promise;
  const ended = new Promise<void>((resolve) => left.once("close", resolve));
  caller.destroy();
  await ended;
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "whole" });
  expect(await answer.text()).toBe("whole");
});
