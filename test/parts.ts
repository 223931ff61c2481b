import type { SignedRequest } from "../cli/sign.ts";
import { routes as deskRoutes } from "../lambda/desk.ts";
import type { Request } from "../lambda/http.ts";
import type { Work } from "../lambda/operators/work.ts";
import type { DeskSettings } from "../lambda/settings/by-function.ts";
import type { RuntimeSettings } from "../lambda/settings/settings.ts";
import type { Context, Event, Told } from "../lambda/sources/source.ts";
import { routes as webhookRoutes } from "../lambda/webhook.ts";
import { parseLocalSettings } from "../lib/settings.ts";

type Route = (request: Request, context: Context<unknown, DeskSettings>) => Told | Work;

/** The routes of all functions. */
export const routes: ReadonlyMap<string, { readonly routes: Readonly<Record<string, Route>> }> = new Map<
  string,
  { readonly routes: Readonly<Record<string, Route>> }
>([...webhookRoutes, ...deskRoutes]);

export const now = new Date("2026-11-24T02:00:00.000Z");

export const settings = (changes: object = {}): RuntimeSettings =>
  parseLocalSettings({ genauth: { host: "https://genauth.example", userPoolId: "pool" }, ...changes });

/** A signed request as the function sees it behind API Gateway. */
export function toRequest({ method, path, headers, body }: SignedRequest): Request {
  const [route = "", rawQuery = ""] = path.split(/\?(.*)/s);
  const names = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    route: `${method} ${route}`,
    id: undefined,
    rawQuery,
    body: Buffer.from(body),
    headers: names,
  };
}

/** The code and, for the log, the reason of the Problem that is thrown. */
export function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    const { name, code, reason } = error as { name: string; code: string; reason?: string };
    if (name !== "Problem") throw error;
    return reason ? `${code}: ${reason}` : code;
  }
  return "none";
}

/** What a source told, sorted by what becomes of it. */
export function gist<T extends Told>({ events, answer, ...more }: T) {
  const of = <K extends Event["kind"]>(kind: K) =>
    events.filter((event): event is Extract<Event, { kind: K }> => event.kind === kind);
  const bare = (event: Event): object => Object.fromEntries(Object.entries(event).filter(([name]) => name !== "kind"));
  const found = events.flatMap((event) => {
    if (!("metric" in event)) return [];
    const { metric, message, facts, level } = event;
    return [{ metric, message, ...(facts && { facts }), ...(level && { level }) }];
  });
  const departures = of("departure").map(bare) as Omit<Extract<Event, { kind: "departure" }>, "kind">[];
  const returns = of("return").map(bare) as Omit<Extract<Event, { kind: "return" }>, "kind">[];
  const isAboutPeople = departures.length + returns.length > 0;
  const [unusable] = of("unusable");
  const [narrowed] = of("scope_narrowed");
  const [renamed] = of("renamed");
  return {
    ...more,
    ...(isAboutPeople
      ? ({ kind: "departures", departures, returns, answer } as const)
      : ({ kind: "answer", answer: answer([]) } as const)),
    ...(found.length > 0 && { notices: found }),
    ...(unusable && { keepAs: unusable.reason }),
    ...(narrowed && { brakeOn: narrowed.why }),
    ...(renamed && { renamed: { former: renamed.former, next: renamed.next } }),
    ...(of("url_check").length > 0 && { isUrlCheck: true }),
    ...(of("other_tenant").length > 0 && { isNoLife: true }),
  };
}
