import * as z from "zod/mini";
import { abouts } from "../settings/settings.ts";

/** A notice that is owed: written together with its cause, removed when the queue has it. */
export const noticeSchema = z.object({
  about: z.enum(abouts),
  id: z.string(),
  why: z.optional(z.string()),
  /** Tells two notices of the same kind about the same resignation apart. */
  version: z.optional(z.number()),
});
export type Notice = z.infer<typeof noticeSchema>;

/** Who is told of a notice, each by a message of its own: what one does not take comes again for that one alone. */
export const targetNames = ["slack", "lark", "wechatwork", "webhook"] as const;

/** A notice as the notices' queue carries it, one message for each target. Which of them is filled in is not asked. */
export const toMessages = (notice: Notice): string[] =>
  targetNames.map((target) => JSON.stringify({ target, notice: noticeSchema.parse(notice) }));

/** Whether a notice is sent even if the setting `notices.about` leaves it out. */
export const isUrgent = (about: Notice["about"]) => about === "back_after_resigned" || about === "not_given_back";
