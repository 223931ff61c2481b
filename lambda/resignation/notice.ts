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

/** Whether a notice is sent even if the setting `notices.about` leaves it out. */
export const isUrgent = (about: Notice["about"]) => about === "back_after_resigned" || about === "not_given_back";
