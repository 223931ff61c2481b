/** The sources that are a directory: each tells of every change in it, so that its silence means something. */
export const directoryNames = ["lark", "wechatwork", "dingtalk"] as const;
export type DirectoryName = (typeof directoryNames)[number];

/** Who told us. `reconcile`: no sender did; a comparison of the directories found it. */
export const sourceNames = [...directoryNames, "slack", "api", "reconcile"] as const;
export type SourceName = (typeof sourceNames)[number];

export const isDirectory = (source: SourceName): source is DirectoryName =>
  (directoryNames as readonly SourceName[]).includes(source);
