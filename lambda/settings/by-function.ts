/** Which function reads which settings: it is given no others, and parses no others. */
import * as z from "zod/mini";
import {
  brake,
  departures,
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

/** What the directories are read with. */
const directories = () => ({ lark: given(lark()), wechatwork: given(wechatwork()) });

export const webhook = () => given(directories());

/** It reads the directories too, when it verifies once more what is in the quarantine. */
export const desk = () => {
  const { command, appId, replyHosts } = slack();
  return given({
    ...directories(),
    ...orders(),
    operators: given(operators()),
    slack: given({ command, appId, replyHosts }),
  });
};

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

export const notifier = () => given({ notices: given({ language: notices().language }) });

export const sweep = () => given({ ...silence(), notices: given({ about: notices().about }) });

export const forwarder = () =>
  given({
    lark: given({ forwardTo: lark().forwardTo }),
    wechatwork: given({ forwardTo: wechatwork().forwardTo }),
  });

/** What a directory's request is read with. */
export type WebhookSettings = z.output<ReturnType<typeof webhook>>;
/** What the requests of callers and operators are read with. */
export type DeskSettings = z.output<ReturnType<typeof desk>>;
export type ResignerSettings = z.output<ReturnType<typeof resigner>>;
