import * as z from "zod/mini";
import { type Notice, noticeSchema, targetNames } from "../resignation/notice.ts";

/** How many messages the notifier is given at once: a hundred notices for each target. */
export const batchSize = 400;
/** After so many tries SQS moves a message to the dead letters, where the alarm `NotTold` looks. */
export const maxTries = 8;

/** A notice for one target. */
export interface NoticeMessage {
  readonly target: (typeof targetNames)[number];
  readonly notice: Notice;
}

const target = z.enum(targetNames);
const messageSchema = z.union([
  z.object({ target, notice: noticeSchema }),
  // Queued before 0.1.0: what one target had not taken, and a notice for all of them.
  z.object({ target, notices: z.array(noticeSchema) }),
  noticeSchema,
]);

/** Whom a message of the notices' queue tells of what; `undefined` if it cannot be read. */
export function readMessage(body: string): NoticeMessage[] | undefined {
  try {
    const message = messageSchema.parse(JSON.parse(body));
    if ("notice" in message) return [message];
    if ("notices" in message) return message.notices.map((notice) => ({ target: message.target, notice }));
    return targetNames.map((name) => ({ target: name, notice: message }));
  } catch {
    return undefined;
  }
}
