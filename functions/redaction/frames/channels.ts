import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { AnswerRedactor } from "../redact-answer.ts";
import { TextStream } from "../text-stream.ts";
import { Unreadable } from "../walk-json.ts";

/** `text` is shown as it is settled; `arguments` are of use, and can be read, only as a whole. */
export type ChannelKind = "text" | "arguments";

interface Channel {
  push(text: string): string;
  end(): string;
}

/** The texts of one answer that arrive piece by piece, each under its own name. */
export class Channels<Place> {
  readonly #answer: AnswerRedactor;
  readonly #open = new Map<string, { channel: Channel; place: Place }>();

  constructor(answer: AnswerRedactor) {
    this.#answer = answer;
  }

  /** What may be shown of a channel by now; `place` says where its rest will go. Throws `Unreadable`: it is too much. */
  push(name: string, kind: ChannelKind, text: string, place: Place): string {
    this.#answer.spend(kind === "text" ? text.length : 0);
    let known = this.#open.get(name);
    if (known === undefined) {
      known = { channel: kind === "text" ? new TextStream(this.#answer.redactor) : new Whole(this.#answer), place };
      this.#open.set(name, known);
    }
    return known.channel.push(text);
  }

  /** The rests of the channels whose place is chosen, in the order in which they began. They are then closed. */
  end(chosen: (place: Place) => boolean): { place: Place; rest: string }[] {
    const ended: { place: Place; rest: string }[] = [];
    for (const [name, { channel, place }] of this.#open) {
      if (!chosen(place)) continue;
      this.#open.delete(name);
      const rest = channel.end();
      if (rest !== "") ended.push({ place, rest });
    }
    return ended;
  }
}

class Whole implements Channel {
  readonly #answer: AnswerRedactor;
  #text = "";

  constructor(answer: AnswerRedactor) {
    this.#answer = answer;
  }

  push(text: string): string {
    this.#text += text;
    if (this.#text.length > LIMITS.redactionArgumentsCharsMax) throw new Unreadable("arguments");
    return "";
  }

  end(): string {
    return this.#text === "" ? "" : this.#answer.arguments(this.#text);
  }
}
