import type { Queue } from "../aws/queue.ts";
import type { Request } from "../http.ts";
import type { Log } from "../log.ts";
import { isDirectory } from "../resignation/source-names.ts";
import type { WebhookSettings } from "../settings/by-function.ts";
import type { Source } from "../sources/source.ts";
import { forwardToOf, toForward } from "./forward.ts";

export interface PassOnParts {
  /** The queue of the second listeners; absent if there is none. */
  readonly forwards: Pick<Queue, "sendInOrder"> | undefined;
  readonly settings: WebhookSettings;
  readonly log: Log;
  readonly now: () => Date;
}

/** Queues a verified request for the second listener of its source, where there is one. */
export async function passOn(
  { forwards, settings, log, now }: PassOnParts,
  { section }: Pick<Source, "section">,
  request: Request,
): Promise<void> {
  if (!isDirectory(section) || !forwardToOf(settings, section)) return;
  const message = JSON.stringify(toForward(section, request, now()));
  if (message.length < maxMessageBytes) await forwards?.sendInOrder(message, section);
  else log.count("ForwardFailed", "A request is too large to be passed on", { source: section }, "ERROR");
}

/** A longer message is not passed on, and counted: SQS took no more for many years. */
const maxMessageBytes = 256 * 1024;
