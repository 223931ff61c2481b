/** What the world knows to be so: what the judge goes by. */

import type { SignedRequest } from "../../cli/sign.ts";
import type { StatusChange } from "../../local/genauth-people.ts";

/** Something that a source said, in the order in which it happened there. */
export interface Said {
  readonly nr: number;
  readonly kind: "leaves" | "returns";
  readonly source: "lark" | "wechatwork" | "api";
  readonly relation: string;
  readonly person: string;
  /** The GenAuth user whose relation it was then. */
  readonly userId: string;
  readonly id: string;
  readonly eventId: string;
  /** The true moment, by our clock. */
  readonly atMs: number;
  /** The moment as the source tells it, at its earliest and its latest. Of an order, when it first came. */
  from: number;
  to: number;
  /** Signed anew for every try, as senders do. */
  readonly request: (atMs: number) => SignedRequest;
  /** When it was first answered with success: from then on it is ours. */
  heard?: number;
  heardMs?: number;
}

/** An operator's act that was answered with success. */
export interface Act {
  readonly seq: number;
  readonly name: "approve" | "cancel" | "retry";
  readonly id: string;
  readonly heldFor: string | undefined;
}

/** A call of ours that may have an effect. */
export interface EffectCall {
  readonly seq: number;
  readonly atMs: number;
  readonly worker: string;
  readonly path: string;
  readonly status: string | undefined;
  readonly userId: string | undefined;
  readonly departure: string | undefined;
  /** The worker's last write before, so that its last reading is later; and its last look. */
  readonly written: number;
  readonly looked: number;
  /** The ledger's statuses when it was sent. */
  readonly statuses: Readonly<Record<string, string>>;
  readonly protected: readonly string[];
  lateMs?: number;
  /** When its try was over, where its outcome was not known. */
  unknownUntilMs?: number;
}

export interface Change extends StatusChange {
  readonly seq: number;
  readonly atMs: number;
  readonly call?: EffectCall | undefined;
}

export interface Facts {
  readonly said: Said[];
  readonly acts: Act[];
  readonly calls: EffectCall[];
  readonly changes: Change[];
  /** Resign calls that found the person resigned. */
  readonly twice: { userId: string; call: EffectCall | undefined }[];
  readonly notices: { about: string; id: string; seq: number }[];
  /** Whose relation was cut, or who was deleted, by an administrator. */
  readonly hidden: Set<string>;
  /** Whether the settings for grace were the same all the time. */
  graceDays: number | undefined;
}

/** What the ledger says at the end. */
export interface Final {
  readonly id: string;
  readonly status: string;
  readonly heldFor?: string;
  readonly acceptedAt: string;
  readonly brakeId?: string;
}
