import type { DirectoryName } from "../../lambda/resignation/source-names.ts";
import type { Keys } from "../../lambda/sources/index.ts";
import { partsOf } from "../genauth-client.ts";
import { dingtalk } from "./dingtalk.ts";
import { lark } from "./lark.ts";
import { orders } from "./orders.ts";
import { slack } from "./slack.ts";
import type { FieldsOf, Source } from "./source.ts";
import { wechatwork } from "./wechatwork.ts";

/** What the commands must know of a source: of a directory also who its people are. */
type Known<S extends keyof Keys> = Source & { asks: FieldsOf<S> | "callers" } & (S extends DirectoryName
    ? Required<Pick<Source, "demoId">>
    : unknown);

/** Every source, by the name of its section in the secret *webhook keys*. A new one is one new file and one line here. */
const sources = { lark, wechatwork, dingtalk, slack, api: orders } satisfies { [S in keyof Keys]: Known<S> };

export type SourceName = keyof typeof sources;

/** Each source with its name. */
export const sourceList = Object.entries(sources) as readonly [SourceName, Source][];

/** The source whose section is called so. */
export const sourceOf = (name: string): Source | undefined => sourceList.find(([one]) => one === name)?.[1];

/** Keys of every source, made anew. */
export function newKeys() {
  const keys = sourceList.map(([name, source]) => [name, source.newKeys()]);
  return Object.fromEntries(keys) as { [S in SourceName]: ReturnType<(typeof sources)[S]["newKeys"]> };
}

/** The settings that follow from a sync relation, by source; `said`: each as in `lark.userIdField "open_id"`. */
export function idSettingsOf(relation: string) {
  return sourceList.flatMap(([name, source]) => {
    const settings = source.idSettings?.(partsOf(relation));
    if (!settings) return [];
    const said = Object.entries(settings).map(([setting, value]) => `${name}.${setting} "${value}"`);
    return [{ name, settings, said }];
  });
}
