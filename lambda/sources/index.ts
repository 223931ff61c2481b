/** Who tells us. How a directory is added: docs/new-source.md. */

import type { DirectoryName } from "../resignation/source-names.ts";
import type { DeskSettings, WebhookSettings } from "../settings/by-function.ts";
import { dingtalk } from "./dingtalk.ts";
import { type KeyRing, type ReadSection, readRing } from "./keys.ts";
import { lark } from "./lark.ts";
import { orders } from "./orders.ts";
import { readSlackKeys } from "./slack-signature.ts";
import type { Source, Told } from "./source.ts";
import { readCallers } from "./standard-webhooks.ts";
import { wechatwork } from "./wechatwork.ts";

/** The directories, each of which tells of every change in it. */
export const directories = { lark, wechatwork, dingtalk } as const satisfies Record<DirectoryName, Source>;

/** Everything that tells of departures. */
const senders: readonly Source<Told, DeskSettings>[] = [...Object.values(directories), orders];

type DirectoryReaders = { readonly [D in DirectoryName]: (typeof directories)[D]["readKeys"] };
const directoryReaders = Object.fromEntries(
  Object.entries(directories).map(([name, { readKeys }]) => [name, readKeys]),
) as DirectoryReaders;

/** The sections of the secret *webhook keys*, each with what reads it. */
const sections = { ...directoryReaders, slack: readSlackKeys, api: readCallers };

/** What proves the senders, by section. */
export type Keys = { [S in keyof typeof sections]: KeysOf<(typeof sections)[S]> };
type KeysOf<R> = R extends ReadSection<infer K> ? K : never;

/** Reads the secret *webhook keys*. Never throws; what is wrong is told by the field's name, never by its value. */
export const parseKeys = (text: string): KeyRing => readRing(text, sections);

/** The sections of a secret that belong to no source: one of them may be the section that another source lacks. */
export const unknownSections = (ring: KeyRing): string[] =>
  Object.keys(ring).filter((name) => !Object.hasOwn(sections, name));

/** Which source answers a route, as in `POST /lark`. */
export const routesOf = <R = Told, S = WebhookSettings>(
  sources: readonly Source<R, S>[],
): ReadonlyMap<string, Source<R, S>> =>
  new Map(sources.flatMap((source) => Object.keys(source.routes).map((route) => [route, source])));

/** What the directories send. */
export const directoryRoutes = routesOf(Object.values(directories));

/** What may tell of a departure, and is kept where it is refused. */
export const senderRoutes = routesOf(senders);
