import { remoteSigner } from "../../functions/adapters/signer/remote.ts";
import type { SignerService } from "../../functions/adapters/signer/signer-service.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";

interface Env {
  SIGNER: SignerService;
  UNSET: SignerService;
  /** The same service as HTTP sees it. */
  FACE: { fetch(url: string, init?: RequestInit): Promise<Response> };
}

async function named<T>(work: Promise<T>): Promise<Response> {
  try {
    return Response.json({ value: await work });
  } catch (cause) {
    return Response.json({ refused: cause instanceof Error ? cause.name : "", message: String(cause) });
  }
}

/** A cell's side of the signer's service binding: each path is a call of the port. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const clock = { now: () => Date.now() as UnixMs }; // safe because: the platform's clock
    const signer = remoteSigner(pathname.startsWith("/unset/") ? env.UNSET : env.SIGNER, clock);
    switch (pathname.replace(/^\/unset/, "")) {
      case "/keys":
        return named(signer.keys());
      case "/checkpoint":
        return named(signer.signCheckpoint((await request.json()) as Parameters<Signer["signCheckpoint"]>[0])); // safe because: only the test sends it
      case "/statement":
        return named(signer.signStatement(await request.text()));
      case "/face": {
        const { path, method, headers, body } = (await request.json()) as Record<string, string> & {
          headers: Record<string, string>;
        }; // safe because: only the test sends it
        const init: RequestInit = { method: method ?? "GET", headers };
        const answer = await env.FACE.fetch(`http://signer${path}`, body === undefined ? init : { ...init, body });
        return Response.json({ status: answer.status, body: await answer.text() });
      }
      default:
        return new Response("ready");
    }
  },
};
