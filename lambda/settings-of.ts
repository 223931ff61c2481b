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

type Shape = z.core.$ZodLooseShape;
type Given<S extends Shape> = { [Name in keyof S]: S[Name] extends z.ZodMiniDefault<infer Inner> ? Inner : S[Name] };

/**
 * Settings that must be there. The stack puts every default in, so one that is missing is a mistake; its default could
 * let somebody go who is protected.
 */
function given<S extends Shape>(section: S) {
  const fields = Object.entries(section as Record<string, z.ZodMiniType>).map(([name, field]) => [
    name,
    field instanceof z.ZodMiniDefault ? field.def.innerType : field,
  ]);
  return z.object(Object.fromEntries(fields) as Given<S>);
}

export const webhook = () => {
  const { command, appId, replyHosts } = slack();
  return given({
    ...orders(),
    lark: given(lark()),
    wechatwork: given(wechatwork()),
    operators: given(operators()),
    slack: given({ command, appId, replyHosts }),
  });
};

/** It takes requests out of the quarantine as the webhook took them in. */
export const reverifier = webhook;

export const resigner = () => {
  const { replyHosts, secondOperator } = slack();
  return given({
    ...departures(),
    // `settleSeconds` has its default: it is missing where the function was deployed before 0.1.0.
    genauth: z.object(genauth()),
    brake: given(brake()),
    retry: given(retry()),
    notices: given({ about: notices().about }),
    slack: given({ replyHosts, secondOperator }),
  });
};

export const notifier = () => given({ notices: given(notices()) });

export const sweep = () => given({ ...silence(), notices: given({ about: notices().about }) });

export const forwarder = () =>
  given({
    ...forwarding(),
    lark: given({ forwardTo: lark().forwardTo }),
    wechatwork: given({ forwardTo: wechatwork().forwardTo }),
  });

/** What a source reads a request with. */
export type SourceSettings = z.output<ReturnType<typeof webhook>>;
export type ResignerSettings = z.output<ReturnType<typeof resigner>>;
