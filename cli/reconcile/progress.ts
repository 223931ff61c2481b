/** How far a run has come, kept in a file so that it can go on after it broke off. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { folder, readJson } from "../files.ts";

/** Somebody in GenAuth. */
export const personSchema = z.object({
  userId: z.string(),
  name: z.string().nullish(),
  createdAt: z.string().nullish(),
  lastLogin: z.string().nullish(),
});
export type Person = z.infer<typeof personSchema>;

const foundSchema = personSchema.extend({ syncRelation: z.string() });
/** Somebody whom the provider's sync made, with the id that they have there. */
export type Found = z.infer<typeof foundSchema>;

/** It holds names: only for this user's eyes, and gone when the run is over. */
const progressSchema = z.object({
  /** The sync sources that GenAuth's people have. */
  providers: z.array(z.string()).default([]),
  /** Of those who are active, so many have an id of the provider. */
  active: z.number().default(0),
  status: z.enum(["Activated", "Resigned"]),
  page: z.number(),
  compared: z.number(),
  missing: z.array(foundSchema),
  resignedByMistake: z.array(foundSchema),
});

export type Progress = z.infer<typeof progressSchema>;

/** Where a run begins: anew, or where the last one broke off. */
export function readProgress({ provider, resume }: { provider: string; resume?: boolean }): Progress {
  const file = fileOf(provider);
  if (resume && existsSync(file)) {
    const progress = progressSchema.parse(readJson(file, "progress"));
    console.error(`Going on at page ${progress.page} of those ${progress.status}.`);
    return progress;
  }
  return { status: "Activated", page: 1, providers: [], active: 0, compared: 0, missing: [], resignedByMistake: [] };
}

/** Keeps the page to go on with, and all that was found before it. */
export function saveProgress(progress: Progress, provider: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(provider), JSON.stringify({ ...progress, page: progress.page + 1 }), { mode: 0o600 });
}

/** Drops the file: the run is over. */
export function dropProgress(provider: string): void {
  rmSync(fileOf(provider), { force: true });
}

const fileOf = (provider: string) => `${folder}/reconcile-${provider}.json`;
