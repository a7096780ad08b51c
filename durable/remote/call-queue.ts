import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { CallOutcome, ObjectCall, ObjectTransport } from "./object-call.ts";

interface Waiting {
  call: ObjectCall;
  settle(outcome: CallOutcome): void;
}

const OVERLOADED: CallOutcome = {
  kind: "fault",
  fault: { name: "ObjectOverloaded", message: "too many calls wait for the objects" },
  ran: false,
};

/**
 * Calls of one tick travel together. A few sends are on their way at a time, and what is asked meanwhile goes with the next
 * one, so that under load sends grow and do not multiply. At most `remoteCallsWaitingMax` wait; more are `ObjectOverloaded`.
 */
export class CallQueue {
  readonly #transport: ObjectTransport;
  #waiting: Waiting[] = [];
  #sending = 0;
  #due = false;

  constructor(transport: ObjectTransport) {
    this.#transport = transport;
  }

  call(call: ObjectCall): Promise<CallOutcome> {
    if (this.#waiting.length >= LIMITS.remoteCallsWaitingMax) return Promise.resolve(OVERLOADED);
    return new Promise((settle) => {
      this.#waiting.push({ call, settle });
      this.#soon();
    });
  }

  #soon(): void {
    if (this.#due || this.#sending >= LIMITS.remoteSendsMax) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      this.#send();
    });
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#sending < LIMITS.remoteSendsMax) {
      const taken = this.#waiting.splice(0, Math.min(this.#transport.callsMax, LIMITS.remoteCallsMax));
      const outcomes = this.#transport.send(taken.map(({ call }) => call));
      const leave = this.#enter();
      let open = taken.length;
      for (const [index, { settle }] of taken.entries())
        void outcomes[index]?.then((outcome) => {
          settle(outcome);
          if (--open === 0) leave();
        });
    }
  }

  /** A place among the sends, given back at their end, and after a moment in any case: one slow object holds up no other. */
  #enter(): () => void {
    this.#sending++;
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      clearTimeout(timer);
      this.#sending--;
      if (this.#waiting.length > 0) this.#soon();
    };
    const timer = setTimeout(leave, LIMITS.remotePlaceMsMax);
    return leave;
  }
}
