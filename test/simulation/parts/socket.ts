import type { PlatformSocket } from "../../../functions/entry/web-socket.ts";
import { Lane } from "../world/network.ts";
import type { Process, World } from "../world/world.ts";

interface SocketEvent {
  data: unknown;
  code: number;
}
type Listener = (event: SocketEvent) => void;
const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];

/** One end of a connection: frames in order, until either side, or the network, ends it. */
export class SocketEnd implements PlatformSocket {
  readonly #world: World;
  readonly process: Process;
  #peer: SocketEnd | null = null;
  #lane: Lane<() => void> | null = null;
  readonly #listeners = new Map<string, { run: Listener; once: boolean }[]>();
  readyState = CONNECTING;

  constructor(world: World, process: Process) {
    [this.#world, this.process] = [world, process];
  }

  addEventListener(type: string, run: Listener, options: { once?: boolean } = {}): void {
    const known = this.#listeners.get(type) ?? [];
    known.push({ run, once: options.once ?? false });
    this.#listeners.set(type, known);
  }

  /** Both ends are open; each hears of the other's death late. */
  static join(world: World, a: SocketEnd, b: SocketEnd): void {
    for (const [end, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      end.#peer = peer;
      end.#lane = new Lane(world, peer.process, 0.02);
      end.readyState = OPEN;
      end.process.onEnd(() => {
        end.#lane?.cut();
        peer.#hearEnd(world.random.between(1, 20_000), 1006);
      });
    }
    world.after(world.random.between(0.1, 5), a.process, () => a.emit("open", { data: null, code: 0 }));
  }

  send(text: string): void {
    const peer = this.#peer;
    if (this.readyState !== OPEN || peer === null) return;
    this.#lane?.send(
      () => {
        if (peer.readyState === OPEN) peer.emit("message", { data: text, code: 0 });
      },
      (run) => run(),
    );
  }

  close(code = 1000): void {
    if (this.readyState === CLOSED) return;
    const open = this.readyState === OPEN;
    this.readyState = CLOSED;
    const peer = this.#peer;
    if (open && peer)
      this.#lane?.send(
        () => peer.#hearEnd(0, code),
        (run) => run(),
      );
    this.#world.after(0, this.process, () => this.emit("close", { data: null, code }));
  }

  /** The network drops the connection: what is on its way is lost, and each side learns of it in its own time. */
  drop(): void {
    for (const end of [this, this.#peer]) {
      if (!end) continue;
      end.#lane?.cut();
      end.#hearEnd(this.#world.random.between(1, 45_000), 1006);
    }
  }

  #hearEnd(afterMs: number, code: number): void {
    this.#world.after(afterMs, this.process, () => {
      if (this.readyState === CLOSED) return;
      this.readyState = CLOSED;
      this.emit("close", { data: null, code });
    });
  }

  emit(type: string, event: SocketEvent): void {
    const known = this.#listeners.get(type) ?? [];
    this.#listeners.set(
      type,
      known.filter(({ once }) => !once),
    );
    for (const { run } of known) run(event);
  }
}
