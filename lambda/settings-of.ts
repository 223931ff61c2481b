/** Which function reads which settings: it is given no others, and parses no others. */
import * as z from "zod/mini";
import {
  brake,
  departures,
  forwarding,
  genauth,
  lark,
  notices,
  operators,
  orders,
  retry,
  silence,
  slack,
  wechatwork,
} from "./settings.ts";

export const webhook = () => {
  const { command, appId, replyHosts } = slack();
  return z.object({
    ...orders(),
    lark: z.object(lark()),
    wechatwork: z.object(wechatwork()),
    operators: z.object(operators()),
    slack: z.object({ command, appId, replyHosts }),
  });
};

/** It takes requests out of the quarantine as the webhook took them in. */
export const reverifier = webhook;

export const resigner = () => {
  const { replyHosts, secondOperator } = slack();
  return z.object({
    ...departures(),
    genauth: z.object(genauth()),
    brake: z.object(brake()),
    retry: z.object(retry()),
    notices: z.object({ about: notices().about }),
    slack: z.object({ replyHosts, secondOperator }),
  });
};

export const notifier = () => z.object({ notices: z.object(notices()) });

export const sweep = () => z.object({ ...silence(), notices: z.object({ about: notices().about }) });

export const forwarder = () =>
  z.object({
    ...forwarding(),
    lark: z.object({ forwardTo: lark().forwardTo }),
    wechatwork: z.object({ forwardTo: wechatwork().forwardTo }),
  });

/** What a source reads a request with. */
export type SourceSettings = z.output<ReturnType<typeof webhook>>;
export type ResignerSettings = z.output<ReturnType<typeof resigner>>;
