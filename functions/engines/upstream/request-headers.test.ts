import { describe, expect, it } from "vitest";
import { EngineError } from "../../../shared/contracts/ports/engine.ts";
import { requestHeaders } from "./request-headers.ts";

const asked = { stream: false, traceparent: "00-1-2-01", tracestate: null };
const sent = (authorization: string) => Object.fromEntries(new Headers(requestHeaders({ authorization }, asked)));

describe("headers of a request to an engine", () => {
  it("carry the credential as it is, without blanks around it", () => {
    expect(sent("Bearer sk-a b")).toEqual({
      accept: "application/json",
      authorization: "Bearer sk-a b",
      "content-type": "application/json",
      traceparent: "00-1-2-01",
    });
    expect(sent("Bearer sk-a\n").authorization).toBe("Bearer sk-a");
    expect(sent("Bearer sk-\xe9").authorization).toBe("Bearer sk-\xe9");
  });

  it("are none with a credential that would break a line, which no error quotes", () => {
    for (const secret of ["sk-a\r\nx-b: 1", "sk-\u20ac", "sk-\0"]) {
      let thrown: unknown;
      try {
        requestHeaders({ authorization: `Bearer ${secret}` }, asked);
      } catch (cause) {
        thrown = cause;
      }
      expect(thrown).toBeInstanceOf(EngineError);
      expect(JSON.stringify(thrown) + String(thrown)).not.toContain("sk-");
    }
  });

  it("ask for a stream that no compression holds back", () => {
    const headers = new Headers(requestHeaders({}, { ...asked, stream: true, tracestate: "a=1" }));
    expect(Object.fromEntries(headers)).toEqual({
      accept: "text/event-stream",
      "accept-encoding": "identity",
      "content-type": "application/json",
      traceparent: "00-1-2-01",
      tracestate: "a=1",
    });
  });
});
