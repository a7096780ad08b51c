import { connect } from "node:net";

const SILENCE_MS = 400;
const ALL_MS_MAX = 8_000;

/**
 * Sends bytes as they are over one connection, and answers the statuses of whatever came back, in order; `closed` when
 * the other side ended the connection, `open` when it went silent with the connection still there.
 */
export async function exchange(
  url: string,
  bytes: string | Uint8Array,
): Promise<{ statuses: number[]; end: string; text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = "";
    let silence: NodeJS.Timeout;
    const done = (end: string) => {
      clearTimeout(silence);
      clearTimeout(whole);
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
      resolve({ statuses, end, text });
    };
    const whole = setTimeout(() => done("open"), ALL_MS_MAX);
    const quiet = () => {
      clearTimeout(silence);
      silence = setTimeout(() => done("open"), text === "" ? ALL_MS_MAX : SILENCE_MS);
    };
    socket.setEncoding("latin1");
    socket.on("data", (piece) => {
      text += piece;
      quiet();
    });
    socket.on("error", () => done("closed"));
    socket.on("close", () => done("closed"));
    quiet();
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  });
}
